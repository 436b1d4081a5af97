import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { operate } from '../node/homes.ts'
import { type Answer, ask, serveNode } from './served-node.ts'
import { type Exchange, readTranscripts } from './transcript.ts'

/** Headers that a client acts on. The rest (dates, lengths of JSON, expiry) may differ. */
const HEADERS = [
  'content-type',
  'accept-ranges',
  'content-range',
  'www-authenticate',
  'x-camli-contents',
  'content-disposition',
] as const

/**
 * Where an answer differs from Perkeep's on purpose, by record: a line of docs/perkeep.md that says so, and what holds
 * instead.
 */
const differences: Readonly<Record<string, Difference>> = {
  '01-pk-put-file-small#1': ['Discovery names other places', sameKeys],
  '03-pk-put-file-duplicate-content#2': [
    'Files are found by content once they have facts',
    isFound,
  ],
  '10-pk-sync-source-side#2': ["The node's own blobs are listed too", listsAllOf],
  '20-stat#3': ['Errors are JSON', saysWhy],
  '21-enumerate#1': ["The node's own blobs are listed too", hasPage],
  '21-enumerate#2': ["The node's own blobs are listed too", listsAllOf],
  '21-enumerate#5': ['Long polling works', hasPage],
  '23-put-upload-remove-errors#2': ['Errors are JSON', saysWhy],
  '23-put-upload-remove-errors#5': ['Removal says why a blob stays', staysHere],
  '23-put-upload-remove-errors#6': ['Errors are JSON', saysWhy],
  '24-sighelper#1': ["The signing key is the device's", sameKeys],
  '24-sighelper#2': ["The signing key is the device's", saysWhyNot],
  '24-sighelper#4': ['Verification knows every key that is here', isForged],
  '30-search-query#3': ['Searches are refused in words', refusesWords],
  '31-search-describe#1': ['Files are found by content once they have facts', describesAlike],
  '31-search-describe#2': ['Files are found by content once they have facts', describesAlike],
  '31-search-describe#3': ['Children are listed in the order of the directory', describesAlike],
  '32-search-other#1': ['Files are found by content once they have facts', describesAlike],
  '32-search-other#2': ['Files are found by content once they have facts', describesAlike],
  '32-search-other#3': ['Files are found by content once they have facts', describesAlike],
  '32-search-other#5': ['Files are found by content once they have facts', isFound],
  '32-search-other#6': ['More edges lead back', hasEdge],
  '41-status-help#1': ['Status tells of devices', sameKeys],
  '41-status-help#2': ['No client configuration is handed out', isAbsent],
}

type Difference = readonly [said: string, check: (exchange: Exchange, answer: Answer) => void]

function sameKeys({ body }: Exchange, answer: Answer): void {
  assert.equal(answer.status, 200)
  const [theirs, ours] = [body ?? Buffer.alloc(0), answer.body].map(jsonOf) as object[]
  assert.deepEqual(Object.keys(ours ?? {}).sort(), Object.keys(theirs ?? {}).sort())
}

function saysWhy({ status }: Exchange, answer: Answer): void {
  assert.equal(answer.status, status)
  const { error } = jsonOf(answer.body) as { error: { code: string; message: string } }
  assert.ok(error.code !== '' && error.message !== '')
}

/** Words say nothing of where to look, to Perkeep neither. */
function refusesWords({ status }: Exchange, answer: Answer): void {
  assert.equal(status, 500)
  assert.equal(answer.status, 400)
  assert.match(answer.body.toString(), /does not say where to look; try title:foo/)
}

/** A claim that names Perkeep's key is not signed with another. */
function saysWhyNot(_exchange: Exchange, answer: Answer): void {
  assert.equal(answer.status, 400)
  assert.match(answer.body.toString(), /camliSigner must be the key of this node/)
}

interface Listing {
  readonly blobs: readonly { readonly blobRef: string; readonly size: number }[]
  readonly continueAfter?: string
}

/** In Perkeep's layout, to the blank, and all that Perkeep lists, but for the blob whose bytes the record leaves out. */
function listsAllOf({ body }: Exchange, answer: Answer): void {
  const [theirs, ours] = [body ?? Buffer.alloc(0), answer.body].map(jsonOf) as [Listing, Listing]
  const refs = new Map(ours.blobs.map(({ blobRef, size }) => [blobRef, size]))
  for (const { blobRef, size } of theirs.blobs) {
    if (!LEFT_OUT_BLOBS.has(blobRef)) assert.equal(refs.get(blobRef), size, blobRef)
  }
  hasPage(undefined, answer)
}

function hasPage(_exchange: unknown, answer: Answer): void {
  assert.equal(answer.status, 200)
  const { blobs, continueAfter } = jsonOf(answer.body) as Listing
  const lines = blobs.map(({ blobRef, size }) => `    {"blobRef": "${blobRef}", "size": ${size}}`)
  const next = continueAfter === undefined ? '' : `  "continueAfter": "${continueAfter}",\n`
  const expected = `{\n  "blobs": [\n${lines.join(',\n')}\n  ],\n${next}  "canLongPoll": true\n}\n`
  assert.equal(answer.body.toString(), expected)
  assert.deepEqual(
    blobs.map(({ blobRef }) => blobRef),
    blobs.map(({ blobRef }) => blobRef).sort(),
  )
}

/** The two chunks of a file of random bytes. */
const LEFT_OUT_BLOBS: ReadonlySet<string> = new Set([
  'sha224-8cfdc1686ad0fa088a15b5dacb6fb202dc28f5a980210cb803a96be2',
  'sha224-fcc7d8a6fd796de8b7c1b4f397a87939068dc5bfda8b72740940c236',
])

function staysHere({ status }: Exchange, answer: Answer): void {
  assert.equal(answer.status, status)
  const { removed, error } = jsonOf(answer.body) as { removed: unknown; error: string }
  assert.equal(removed, null)
  assert.match(error, /refers to it; nothing was removed/)
}

function isForged(_exchange: Exchange, answer: Answer): void {
  assert.equal(answer.status, 200)
  assert.equal((jsonOf(answer.body) as { signatureValid: boolean }).signatureValid, false)
}

function isAbsent(_exchange: Exchange, answer: Answer): void {
  assert.equal(answer.status, 404)
}

function isFound({ body }: Exchange, answer: Answer): void {
  const [theirs, ours] = [body ?? Buffer.alloc(0), answer.body].map(jsonOf) as [
    { files: object },
    { files: object },
  ]
  assert.deepEqual(Object.keys(ours.files), Object.keys(theirs.files))
  assert.ok(Object.values(ours.files).every(found => found === null))
}

function hasEdge(_exchange: Exchange, answer: Answer): void {
  const { edgesTo } = jsonOf(answer.body) as { edgesTo: { fromType: string }[] }
  assert.deepEqual(
    edgesTo.map(({ fromType }) => fromType),
    ['permanode'],
  )
}

/** Equal but for what only facts tell, for the order of children, and for who made a permanode that Perkeep's server vivified. */
function describesAlike({ body }: Exchange, answer: Answer): void {
  assert.equal(answer.status, 200)
  const [theirs, ours] = [body ?? Buffer.alloc(0), answer.body].map(text =>
    JSON.parse(text.toString('utf8'), (key, value: unknown) => {
      if (key === 'wholeRef' || key === 'mimeType') return undefined
      return key === 'dirChildren' ? (value as string[]).sort() : value
    }),
  ) as unknown[]
  assert.deepEqual(ours, theirs)
}

/** What cannot be asked again: the record leaves out bytes that the answer depends on. */
const unknowable: ReadonlySet<string> = new Set([
  '03-pk-put-file-duplicate-content#3',
  '10-pk-sync-source-side#8',
  '40-ui-helpers#6',
])

const vectors = join(import.meta.dirname, '..', 'vectors', 'perkeep')
const docs = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'perkeep.md'), 'utf8')

test("what Perkeep's tools asked is answered as Perkeep answered it", async () => {
  await using served = await serveNode({ auth: ['userpass:alice:secret'] })
  const { node, port } = served
  for (const exchange of readTranscripts()) {
    if (exchange.id === '09-pk-get-shared-url#1') {
      const key = readFileSync(join(vectors, 'signed', 'pubkey.asc'), 'latin1')
      await operate(node, 'adopt-key', { key, yes: true })
    }
    if (exchange.isCut || unknowable.has(exchange.id)) continue
    const { method, path, requestHeaders: headers, requestBody } = exchange
    const body = requestBody.length > 0 ? requestBody : undefined
    const { 'content-length': _, ...others } = headers
    const answer = await ask(port, path, { method, headers: others, body })
    await node.index.catchUp()
    const [said, check] = differences[exchange.id] ?? []
    if (said === undefined || check === undefined) compare(exchange, answer)
    else {
      assert.ok(docs.includes(said), `docs/perkeep.md does not say: ${said}`)
      check(exchange, answer)
    }
  }
})

function compare({ id, status, headers, body, method, path }: Exchange, answer: Answer): void {
  const where = `${id} ${method} ${path}`
  assert.equal(answer.status, status, `${where}: ${answer.body.toString()}`)
  for (const name of HEADERS) {
    if (headers[name] !== undefined)
      assert.equal(undated(answer.headers[name]), undated(headers[name]), where)
  }
  if (body === undefined || method === 'HEAD') return
  if (headers['content-type']?.startsWith('text/javascript') === true)
    assert.deepEqual(jsonOf(answer.body), jsonOf(body), where)
  else assert.equal(answer.body.toString('latin1'), body.toString('latin1'), where)
}

/** Names of archives have the time in them. */
function undated(header: string | string[] | undefined): string {
  return String(header).replace(/camli-download-\d{14}/, 'camli-download-TIME')
}

function jsonOf(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'))
}
