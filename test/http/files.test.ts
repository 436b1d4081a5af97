import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'

import fc from 'fast-check'
import { fromBufferPromise } from 'yauzl'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import type { Part } from '../../src/schema/schema-blob.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { operate } from '../node/homes.ts'
import { describeTree } from '../trees/compare-trees.ts'
import { ask, formOf, type ServedNode, serveNode } from './served-node.ts'

let served: ServedNode
let directory = ''

before(async () => {
  served = await serveNode()
  directory = await mkdtemp(join(tmpdir(), 'peerkeep-files-'))
})
after(async () => {
  await served[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function store(bytes: Uint8Array): Promise<BlobRef> {
  return (await served.node.door.receive(bytes)).ref
}

async function storeFile(parts: readonly Part[], name = 'a file.bin'): Promise<BlobRef> {
  return store(writeSchema({ type: 'file', name: Buffer.from(name), parts }))
}

async function storeDirectory(entries: readonly BlobRef[], name = 'folder'): Promise<BlobRef> {
  const { top, blobs } = writeStaticSet(entries)
  for (const bytes of blobs) await store(bytes)
  return store(writeSchema({ type: 'directory', name: Buffer.from(name), entries: top }))
}

describe('one file', () => {
  const content = Buffer.concat([randomBytes(70_000), Buffer.alloc(40_000), randomBytes(30_000)])
  let file: BlobRef

  before(async () => {
    const first = await store(content.subarray(0, 70_000))
    const last = await store(Buffer.concat([Buffer.from('skipped'), content.subarray(110_000)]))
    const nested = writeSchema({
      type: 'bytes',
      parts: [{ size: 30_000, blobRef: last, offset: 7 }],
    })
    const bytesRef = await store(nested)
    file = await storeFile([
      { size: 70_000, blobRef: first },
      { size: 40_000 },
      { size: 30_000, bytesRef },
    ])
  })

  test('comes whole, holes as zeros, under its name, and is not run by a browser', async () => {
    const { status, headers, body } = await ask(served.port, `/ui/download/${file}/any.html`)
    assert.equal(status, 200)
    assert.ok(body.equals(content))
    assert.equal(
      headers['content-disposition'],
      `attachment; filename="a file.bin"; filename*=UTF-8''a%20file.bin`,
    )
    assert.match(String(headers['content-security-policy']), /sandbox/)
    const again = await ask(served.port, `/ui/download/${file}`, {
      headers: { 'if-none-match': String(headers.etag) },
    })
    assert.equal(again.status, 304)
  })

  test('any range is the same stretch of it', async () => {
    const position = fc.nat(content.length + 10)
    await fc.assert(
      fc.asyncProperty(position, position, async (a, b) => {
        const range = `bytes=${Math.min(a, b)}-${Math.max(a, b)}`
        const { status, headers, body } = await ask(served.port, `/ui/download/${file}`, {
          headers: { range },
        })
        const expected = content.subarray(Math.min(a, b), Math.max(a, b) + 1)
        assert.equal(status, expected.length === 0 ? 416 : 206)
        if (status === 416) return
        assert.ok(body.equals(expected), range)
        const end = Math.min(a, b) + expected.length - 1
        assert.equal(headers['content-range'], `bytes ${Math.min(a, b)}-${end}/${content.length}`)
      }),
      { numRuns: 60 },
    )
  })

  test('several ranges come as parts, the last bytes as a suffix', async () => {
    const { headers, body } = await ask(served.port, `/ui/download/${file}`, {
      headers: { range: 'bytes=10-19,100000-120009,-5' },
    })
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(String(headers['content-type']))
    const parts = body.toString('latin1').split(`--${boundary?.[1]}`).slice(1, -1)
    const stretches = parts.map(part => part.slice(part.indexOf('\r\n\r\n') + 4, -2))
    const expected = [
      content.subarray(10, 20),
      content.subarray(100_000, 120_010),
      content.subarray(-5),
    ]
    assert.deepEqual(
      stretches,
      expected.map(bytes => bytes.toString('latin1')),
    )
    assert.equal(Number(headers['content-length']), body.length)
  })

  test('its content is confirmed only when it is that', async () => {
    const whole = refOf(content)
    const path = `/ui/download/${file}/?verifycontents=`
    const right = await ask(served.port, path + whole, { method: 'HEAD' })
    assert.equal(right.headers['x-camli-contents'], whole)
    const wrong = await ask(served.port, path + refOf(Buffer.from('x')), { method: 'HEAD' })
    assert.equal(wrong.headers['x-camli-contents'], undefined)
    assert.equal(wrong.status, 200)
  })

  test('one that is not all here is never sent as if it were', async () => {
    const here = await store(Buffer.alloc(5000, 1))
    const gone = refOf(Buffer.from('nobody stored this'))
    const none = await storeFile([{ size: 5, blobRef: gone }])
    assert.equal((await ask(served.port, `/ui/download/${none}`)).status, 404)
    const half = await storeFile([
      ...Array.from({ length: 400 }, () => ({ size: 5000, blobRef: here })),
      { size: 5, blobRef: gone },
    ])
    await assert.rejects(ask(served.port, `/ui/download/${half}`), { code: 'ECONNRESET' })
    const start = await ask(served.port, `/ui/download/${half}`, {
      headers: { range: 'bytes=0-99' },
    })
    assert.equal(start.body.length, 100)
  })

  test('that something is missing is not kept for as long as content', async () => {
    const blobRef = refOf(Buffer.from('comes tomorrow'))
    const { status, headers } = await ask(
      served.port,
      `/ui/download/${await storeFile([{ size: 14, blobRef }])}`,
    )
    assert.equal(status, 404)
    const names = ['etag', 'expires', 'content-disposition', 'accept-ranges']
    assert.deepEqual(
      names.filter(name => headers[name] !== undefined),
      [],
    )
  })

  test('names cannot add headers', async () => {
    const ref = await storeFile([], 'a\r\nset-cookie: x"\\\u202e;é.txt')
    const { headers } = await ask(served.port, `/ui/download/${ref}`)
    assert.equal(headers['set-cookie'], undefined)
    assert.match(
      String(headers['content-disposition']),
      /^attachment; filename="[ -~]+"; filename\*=/,
    )
  })

  test('what is no file is no download', async () => {
    const data = await store(Buffer.from('data'))
    assert.equal((await ask(served.port, `/ui/download/${data}`)).status, 400)
    assert.equal((await ask(served.port, '/ui/download/../../etc/passwd')).status, 400)
  })
})

async function unzip(bytes: Buffer): Promise<Map<string, string>> {
  const zip = await fromBufferPromise(bytes, { decodeStrings: true })
  const entries = new Map<string, string>()
  for await (const entry of zip.eachEntry()) {
    const stream = await zip.openReadStreamPromise(entry)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    entries.set(entry.fileName, Buffer.concat(chunks).toString('latin1'))
  }
  return entries
}

describe('several files and folders', () => {
  test('a tar unpacks to the tree that was stored, a zip holds its content', async () => {
    const source = join(directory, 'tree')
    await mkdir(join(source, 'sub', 'deep'), { recursive: true })
    await writeFile(join(source, 'a.txt'), 'a')
    await writeFile(join(source, 'empty'), '')
    await writeFile(join(source, 'sub', 'größe.bin'), randomBytes(600_000))
    await writeFile(join(source, 'sub', 'deep', 'x'), 'x', { mode: 0o755 })
    await symlink('a.txt', join(source, 'link'))
    for (const path of ['a.txt', 'empty', 'sub/größe.bin', 'sub/deep/x', 'sub/deep', 'sub'])
      await utimes(join(source, path), 1_500_000_000, 1_500_000_000)
    const { items } = await operate(served.node, 'put', { paths: [source], tags: [] })
    const ref = items[0]?.['ref'] as string

    const tar = await ask(served.port, '/ui/download/', formOf({ files: ref, format: 'tar' }))
    const unpacked = join(directory, 'unpacked')
    await mkdir(unpacked)
    await writeFile(join(directory, 'tree.tar'), tar.body)
    await promisify(execFile)('tar', ['-xpf', join(directory, 'tree.tar'), '-C', unpacked])
    const [theirs, ours] = [describeTree(join(unpacked, 'tree')), describeTree(source)]
    // A link has its own time, which tar does not restore everywhere.
    for (const tree of [theirs, ours]) tree.delete('link')
    assert.deepEqual(theirs, ours)

    const zip = await ask(served.port, '/ui/download/', formOf({ files: ref }))
    const entries = await unzip(zip.body)
    assert.deepEqual([...entries.keys()].sort(), [
      'tree/',
      'tree/a.txt',
      'tree/empty',
      'tree/link',
      'tree/sub/',
      'tree/sub/deep/',
      'tree/sub/deep/x',
      'tree/sub/größe.bin',
    ])
    assert.equal(entries.get('tree/a.txt'), 'a')
    assert.equal(entries.get('tree/sub/größe.bin')?.length, 600_000)
  })

  test('hostile names unpack to nowhere else, and nothing hides another', async () => {
    const data = await store(Buffer.from('evil'))
    const parts = [{ size: 4, blobRef: data }]
    const names = ['..', '.', '/etc/passwd', 'a/../../b', 'twin', 'twin\0', '', String.raw`..\c`]
    const entries = await Promise.all(names.map(name => storeFile(parts, name)))
    const folder = await storeDirectory([...entries, await storeFile([], 'twin')], '../out')
    const body = formOf({ files: `${folder},${folder}` })
    const { status, body: zip } = await ask(served.port, '/ui/download/', body)
    assert.equal(status, 200)
    const paths = [...(await unzip(zip)).keys()]
    assert.equal(paths.length, 2 * (names.length + 2))
    assert.equal(new Set(paths).size, paths.length)
    for (const path of paths) {
      assert.ok(!path.startsWith('/') && !path.includes('\\'), path)
      assert.ok(!path.split('/').some(part => part === '..' || part === '.'), path)
    }
  })

  test('an archive that lacks something is cut off', async () => {
    const gone = refOf(Buffer.from('nobody stored this either'))
    const big = await store(randomBytes(300_000))
    const whole = await storeFile([{ size: 300_000, blobRef: big }], 'whole')
    const half = await storeFile([{ size: 5, blobRef: gone }], 'half')
    const folder = await storeDirectory([whole, half])
    for (const format of ['zip', 'tar']) {
      const form = formOf({ files: folder, format })
      await assert.rejects(ask(served.port, '/ui/download/', form), { code: 'ECONNRESET' })
    }
    assert.equal((await ask(served.port, '/ui/download/', formOf({ files: gone }))).status, 404)
    assert.equal((await ask(served.port, '/ui/download/', formOf({ files: '' }))).status, 400)
  })

  test('a large folder is listed whole', async () => {
    const empty = await Promise.all(
      Array.from({ length: 3000 }, (_, at) => storeFile([], `file ${at}`)),
    )
    const folder = await storeDirectory(empty)
    const { body } = await ask(served.port, `/ui/tree/${folder}`)
    const { children } = JSON.parse(body.toString()) as { children: { name: string }[] }
    assert.deepEqual(
      children.map(({ name }) => name),
      empty.map((_, at) => `file ${at}`),
    )
    const none = await ask(served.port, `/ui/tree/${await storeDirectory([])}`)
    assert.deepEqual(JSON.parse(none.body.toString()), { children: [] })
  })
})

describe('uploads by a form', () => {
  const boundary = 'form-boundary'
  const upload = (pieces: readonly (string | Uint8Array)[]): ReturnType<typeof ask> =>
    ask(served.port, '/ui/?camli.mode=uploadhelper', {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
      body: Buffer.concat([...pieces, `\r\n--${boundary}--\r\n`].map(piece => Buffer.from(piece))),
    })
  const headOf = (name: string, filename?: string): string =>
    `\r\n--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n\r\n`

  test('content is cut as from a disk, whatever its size', async () => {
    for (const size of [0, 1, 262_144, 262_145, 3_000_000]) {
      const content = randomBytes(size)
      const path = join(directory, `of ${size}`)
      await writeFile(path, content)
      const args = { paths: [path], contentsOnly: true, tags: [] }
      const { items } = await operate(served.node, 'put', args)
      const { status, body } = await upload([headOf('f', 'x.bin'), content])
      assert.equal(status, 200)
      const { got } = JSON.parse(body.toString()) as { got: { fileref: BlobRef }[] }
      const stored = await served.node.store.fetch(got[0]?.fileref as BlobRef)
      const schema = stored && parseSchema(stored)
      assert.ok(schema?.type === 'file')
      const bare = refOf(writeSchema({ type: 'file', parts: schema.parts }))
      assert.equal(bare, items[0]?.['ref'], `${size} bytes`)
    }
  })

  test('a wrong time, or a form that breaks off, is refused', async () => {
    const wrong = await upload([headOf('modtime'), 'yesterday', headOf('f', 'x'), 'content'])
    assert.equal(wrong.status, 400)
    const cut = await ask(served.port, '/ui/?camli.mode=uploadhelper', {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      body: `${headOf('f', 'x')}content that never`,
    })
    assert.equal(cut.status, 400)
    assert.match(cut.body.toString(), /ends in the middle/)
  })
})
