import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { JsonObject } from '../../src/base/json.ts'
import { signedVectors } from '../vectors/perkeep/signed-cases.ts'
import { operate } from '../node/homes.ts'
import { type ServedNode, ask, serveNode } from '../http/served-node.ts'

const folder = join(import.meta.dirname, '..', 'vectors', 'perkeep', 'signed')

interface Recorded {
  readonly describe: readonly {
    readonly ref: string
    readonly at: string | null
    readonly permanodeInfo: object
  }[]
  readonly queries: readonly {
    readonly query: { readonly expression?: string } & JsonObject
    readonly response: { readonly status: number; readonly body: { readonly blobs?: Blobs } }
  }[]
  readonly claims: readonly {
    readonly permanode: string
    readonly response: { claims: object[] }
  }[]
}

type Blobs = readonly { readonly blob: string }[] | null

const recorded = JSON.parse(readFileSync(join(folder, 'search.json'), 'utf8')) as Recorded
const docs = readFileSync(join(folder, '..', '..', '..', '..', 'docs', 'perkeep.md'), 'utf8')

/** What Perkeep's recorded server had, and the key adopted that signed it. */
async function serveSigned(): Promise<ServedNode> {
  const served = await serveNode()
  const key = readFileSync(join(folder, 'pubkey.asc'), 'latin1')
  await operate(served.node, 'adopt-key', { key, yes: true })
  for (const name of readdirSync(join(folder, 'blobs')))
    await served.node.door.receive(readFileSync(join(folder, 'blobs', name)))
  await served.node.index.catchUp()
  return served
}

async function post({ port }: ServedNode, name: string, body: object): Promise<[number, never]> {
  const answer = await ask(port, `/my-search/camli/search/${name}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  return [answer.status, JSON.parse(answer.body.toString()) as never]
}

test('permanodes are described as Perkeep described them, at every time', async () => {
  await using served = await serveSigned()
  for (const { ref, at, permanodeInfo } of recorded.describe) {
    const [status, body] = await post(served, 'describe', { blobref: ref, at })
    assert.equal(status, 200)
    const { meta } = body as { meta: Record<string, { permanode: object }> }
    assert.deepEqual(meta[ref]?.permanode, permanodeInfo, `${ref} at ${at}`)
  }
})

/** The deleted permanode, which Perkeep finds where the answer is not sorted by time. */
const DELETED = 'sha224-e57ec17dc50bf4b98e65da5ea8fe0c17f95cce1eb819a11cf428a885'

test('queries find what Perkeep found, but for what is deleted', async () => {
  await using served = await serveSigned()
  const theirs = new Set(readdirSync(join(folder, 'blobs')).map(name => name.slice(0, -5)))
  theirs.add(signedVectors.publicKeyRef)
  assert.ok(docs.includes('What is deleted is not found'))
  for (const { query, response } of recorded.queries) {
    const [status, body] = await post(served, 'query', query)
    const where = JSON.stringify(query)
    assert.equal(status, response.status === 200 ? 200 : 400, where)
    if (status !== 200) continue
    const { blobs } = body as { blobs: Blobs }
    // The home's own blobs are none that the recorded server had.
    const ours = (blobs ?? []).map(({ blob }) => blob).filter(blob => theirs.has(blob))
    const expected = (response.body.blobs ?? []).map(({ blob }) => blob)
    assert.deepEqual(
      ours,
      expected.filter(blob => blob !== DELETED),
      where,
    )
  }
})
