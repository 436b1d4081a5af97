import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { makeClaim } from '../../src/schema/claims.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import type { ShareClaim } from '../../src/schema/schema-blob.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { operate } from '../node/homes.ts'
import { type Answer, ask, type Asking, type ServedNode, serveNode } from './served-node.ts'

let served: ServedNode

before(async () => {
  served = await serveNode({ auth: ['userpass:alice:secret'] })
})
after(() => served[Symbol.asyncDispose]())

async function store(bytes: Uint8Array): Promise<BlobRef> {
  const { ref } = await served.node.door.receive(bytes)
  served.node.index.wake()
  return ref
}

async function storeFile(content: string): Promise<{ file: BlobRef; chunk: BlobRef }> {
  const chunk = await store(Buffer.from(content))
  const parts = [{ size: content.length, blobRef: chunk }]
  return { file: await store(writeSchema({ type: 'file', name: Buffer.from('a'), parts })), chunk }
}

async function storeDirectory(entries: BlobRef): Promise<BlobRef> {
  return store(writeSchema({ type: 'directory', name: Buffer.from('folder'), entries }))
}

function sharing(target: BlobRef, more: Partial<ShareClaim> = {}): ShareClaim {
  return { claimType: 'share', authType: 'haveref', transitive: true, target, ...more }
}

/** What somebody without a password gets who goes this way. */
function follow(
  chain: readonly BlobRef[],
  { more = '', asking = {}, at = served }: { more?: string; asking?: Asking; at?: ServedNode } = {},
): Promise<Answer> {
  const via = chain.slice(0, -1).join(',')
  return ask(at.port, `/share/${chain.at(-1)}?via=${via}${more}`, asking)
}

/** A claim without its signature. */
function textOf(claim: Uint8Array): Uint8Array {
  return claim.subarray(0, Buffer.from(claim).lastIndexOf(',"camliSig"'))
}

/** Refused as everything is that is not shared. */
function isRefused({ status, headers, body }: Answer): void {
  assert.equal(status, 401)
  assert.equal(body.toString(), '<html><body><h1>Unauthorized</h1>')
  assert.equal(headers['access-control-allow-origin'], '*')
  assert.deepEqual(
    Object.keys(headers)
      .filter(name => !['date', 'connection', 'keep-alive'].includes(name))
      .sort(),
    ['access-control-allow-origin', 'content-length', 'content-type', 'www-authenticate'],
  )
}

async function isServed(chain: readonly BlobRef[], at = served): Promise<void> {
  const { status, headers, body } = await follow(chain, { at })
  assert.equal(status, 200, body.toString())
  assert.equal(refOf(body), chain.at(-1))
  assert.equal(headers['access-control-allow-origin'], '*')
}

describe('whoever has the link', () => {
  test('gets the share, the file and its content, and nothing else', async () => {
    const { file, chunk } = await storeFile('shared content')
    const other = await storeFile('not shared')
    const { result } = await operate(served.node, 'share', { ref: file })
    const share = result['ref'] as BlobRef
    assert.equal(result['target'], file)
    await isServed([share])
    await isServed([share, file])
    await isServed([share, file, chunk])
    const held = served.delays.length
    isRefused(await follow([share, other.file]))
    assert.ok((served.delays[held] ?? 0) > 100)
    isRefused(await follow([share, file, other.chunk]))
    isRefused(await follow([share, chunk]))
    isRefused(await follow([share, chunk, file]))
    isRefused(await follow([file, chunk]))
    isRefused(await follow([file]))
    isRefused(await follow([share, file, refOf(Buffer.from('not here'))]))
    assert.equal((await ask(served.port, `/bs/camli/${file}`)).status, 401)
  })

  test('gets a file whole or in part, not to be run by a browser', async () => {
    const { file } = await storeFile('assembled content')
    const share = (await operate(served.node, 'share', { ref: file })).result['ref'] as BlobRef
    const more = '&assemble=1'
    const { status, headers, body } = await follow([share, file], { more })
    assert.equal(status, 200)
    assert.equal(body.toString(), 'assembled content')
    assert.match(String(headers['content-disposition']), /^inline/)
    assert.match(String(headers['content-security-policy']), /sandbox/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    const asking = { headers: { range: 'bytes=2-5' } }
    const part = await follow([share, file], { more, asking })
    assert.equal(part.status, 206)
    assert.equal(part.body.toString(), 'semb')
    isRefused(await follow([share], { more }))
  })

  test('reaches every entry of a directory of 25,000', async () => {
    const { file, chunk } = await storeFile('the last of many')
    const entries = Array.from({ length: 24_999 }, (_, i) => refOf(Buffer.from(`entry ${i}`)))
    const { top, blobs } = writeStaticSet([...entries, file])
    const sets = []
    for (const bytes of blobs) sets.push(await store(bytes))
    const directory = await storeDirectory(top)
    const share = (await operate(served.node, 'share', { ref: directory })).result['ref'] as BlobRef
    const subset = sets.at(-2) as BlobRef
    assert.ok(sets.length > 2 && subset !== top)
    await isServed([share, directory, top, subset, file, chunk])
    isRefused(await follow([share, directory, top, file]))
    isRefused(await follow([share, directory, subset, file]))
  })

  test('gets nothing behind the target of a share that is for it alone', async () => {
    const { file, chunk } = await storeFile('one only')
    const { result } = await operate(served.node, 'share', { ref: file, once: true })
    const share = result['ref'] as BlobRef
    await isServed([share, file])
    isRefused(await follow([share, file, chunk]))
    isRefused(await follow([share, file], { more: '&assemble=1' }))
  })

  test('may come from any page and under any name of the server', async () => {
    await using open = await serveNode({ isSameUser: false })
    const { ref: blob } = await open.node.door.receive(Buffer.from('plain bytes'))
    const share = (await operate(open.node, 'share', { ref: blob })).result['ref'] as BlobRef
    const headers = { host: 'example.org', origin: 'http://elsewhere.example' }
    const answer = await follow([share, blob], { at: open, asking: { headers } })
    assert.equal(answer.status, 200)
    assert.equal((await ask(open.port, `/bs/camli/${blob}`)).status, 401)
  })
})

describe('nothing is opened by', () => {
  test('a forged share, or one by a stranger, that was stored', async () => {
    const { file } = await storeFile('wanted by others')
    const { device, claims } = served.node
    const now = BigInt(Date.now()) * 1_000_000n
    const good = makeClaim(sharing(file), device, now)
    const other = makeClaim(sharing(refOf(Buffer.from('another'))), device, now)
    const forged = Buffer.concat([textOf(good), other.subarray(textOf(other).length)])
    const stranger = ed25519Signer(new Uint8Array(32).fill(7))
    await store(stranger.keyBlob)
    const foreign = makeClaim(sharing(file), stranger, now)
    isRefused(await follow([await store(forged), file]))
    isRefused(await follow([await store(foreign), file]))
    isRefused(await follow([refOf(forged)]))
    isRefused(await follow([refOf(foreign)]))
    await isServed([await claims.sign(sharing(file)), file])
  })

  test('a share that is over, of another kind, of a search, or not yet due', async () => {
    const { file } = await storeFile('no longer')
    const { claims } = served.node
    const now = BigInt(Date.now()) * 1_000_000n
    const hour = 3_600_000_000_000n
    const expired = await claims.sign(sharing(file, { expires: now - 1n }))
    isRefused(await follow([expired, file]))
    isRefused(await follow([expired]))
    await isServed([await claims.sign(sharing(file, { expires: now + hour })), file])
    isRefused(await follow([await claims.sign(sharing(file, { authType: 'all' })), file]))
    const search = { ...sharing(file), target: undefined, search: { expression: 'tag:x' } }
    isRefused(await follow([await claims.sign(search), file]))
    isRefused(await follow([await claims.sign(sharing(file), now + 10_000n * hour), file]))
  })

  test('a way that is malformed or too long', async () => {
    const { file } = await storeFile('far away')
    const share = (await operate(served.node, 'share', { ref: file })).result['ref'] as BlobRef
    const long = [share, ...Array.from({ length: 199 }, () => file)]
    isRefused(await follow(long))
    for (const path of [
      '/share/sha224-12',
      '/share/',
      `/share/${file}?via=${share},`,
      `/share/${file}?via=x`,
      `/share/${file}?via=${long.join(',')}`,
    ]) {
      const { status, headers } = await ask(served.port, path)
      assert.equal(status, 400, path)
      assert.equal(headers['access-control-allow-origin'], '*')
    }
  })
})

test('a share taken back opens nothing, also after a new start, until that is taken back', async () => {
  const home = await mkdtemp(join(tmpdir(), 'peerkeep-share-'))
  try {
    let chain: BlobRef[] = []
    {
      await using first = await serveNode({ home })
      const { ref: blob } = await first.node.door.receive(Buffer.from('for a while'))
      const { result } = await operate(first.node, 'share', { ref: blob, expires: '7d' })
      chain = [result['ref'] as BlobRef, blob]
      await isServed(chain, first)
      await operate(first.node, 'share', { revoke: chain[0] as string })
      isRefused(await follow(chain, { at: first }))
      assert.deepEqual((await operate(first.node, 'share', { list: true })).items, [])
    }
    await using again = await serveNode({ home })
    isRefused(await follow(chain, { at: again }))
    await operate(again.node, 'undelete', { ref: chain[0] as string })
    await isServed(chain, again)
  } finally {
    await rm(home, { recursive: true })
  }
})

test('a key that is adopted shares what it will; one that is revoked, nothing new', async () => {
  await using fresh = await serveNode({ auth: ['userpass:alice:secret'] })
  const { node } = fresh
  const key = ed25519Signer(new Uint8Array(32).fill(9))
  const keyRef = (await node.door.receive(key.keyBlob)).ref
  const target = (await node.door.receive(Buffer.from('of an old device'))).ref
  const signed = async (): Promise<readonly BlobRef[]> => {
    const date = BigInt(Date.now()) * 1_000_000n
    return [(await node.door.receive(makeClaim(sharing(target), key, date))).ref, target]
  }
  const early = await signed()
  isRefused(await follow(early, { at: fresh }))
  const { result } = await operate(node, 'adopt-key', { ref: keyRef, yes: true })
  await isServed(early, fresh)
  await operate(node, 'revoke', { device: result['fingerprint'] as string, yes: true })
  isRefused(await follow(await signed(), { at: fresh }))
  await isServed(early, fresh)
})

test('the list says what is shared, and whether it still is', async () => {
  await using fresh = await serveNode()
  const { node } = fresh
  const { ref: target } = await node.door.receive(Buffer.from('listed'))
  const expires = BigInt(Date.now() - 1000) * 1_000_000n
  const old = await node.claims.sign(sharing(target, { expires }))
  const { result } = await operate(node, 'share', { ref: target, expires: '9999-12-30' })
  const { items } = await operate(node, 'share', { list: true })
  assert.deepEqual(
    new Map(items.map(({ ref, state }) => [ref, state])),
    new Map([
      [old, 'expired'],
      [result['ref'], 'active'],
    ]),
  )
  assert.equal(result['expires'], '9999-12-31T00:00:00Z')
  await assert.rejects(operate(node, 'share', { ref: target, expires: '2020' }), /is over/)
  await assert.rejects(operate(node, 'share', { revoke: target }), /no share of yours/)
})
