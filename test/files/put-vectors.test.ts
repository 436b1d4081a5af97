import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import type { Door, HashedBytes } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { snapshotTree } from '../../src/files/snapshot.ts'
import type { NodeFields } from '../../src/schema/schema-blob.ts'
import { parseTime } from '../../src/schema/time.ts'
import { nodeOf, type NodeSchema } from '../../src/schema/tree-reader.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { BlobMap } from '../schema/blob-map.ts'
import {
  type Case,
  checkUpload,
  type Entry,
  nameOf,
  type Stat,
  targetOf,
  vectors,
} from '../vectors/perkeep/cases.ts'
import { generate } from '../vectors/perkeep/generate.ts'

const isRoot = process.getuid?.() === 0
const isSlow = process.env['SLOW'] === '1'

describe('a file on a disk becomes the blobs that pk-put made of it', () => {
  for (const vector of vectors.cases.filter(one => one.kind === 'file')) {
    const needsRoot = vector.stat.mode === '0' && !isRoot
    const options = needsRoot ? { skip: 'only root reads a file without rights' } : {}
    test(vector.name, options, async () => {
      using disk = folder()
      const path = Buffer.concat([Buffer.from(`${disk.path}/`), nameOf(vector)])
      writeFileSync(path, generate(vector.generator, vectors.words))
      dress(path, vector.stat)
      await checkPut(path, vector, () => vector.stat)
    })
  }
})

describe('a tree on a disk becomes the blobs that pk-put made of it', () => {
  for (const vector of vectors.cases.filter(one => one.kind === 'tree')) {
    const isLarge = (vector.rule?.count ?? 0) > 10_000 && !isSlow
    test(vector.name, isLarge ? { skip: 'large: SLOW=1' } : {}, async () => {
      using disk = folder()
      const top = join(disk.path, vector.rootName)
      await using _sockets = await makeTree(top, vector)
      // Names are unique in the recorded trees.
      const stats = new Map(vector.entries.map(entry => [entry.path.replace(/.*\//, ''), entry]))
      stats.set(vector.rootName, stats.get('.') ?? assert.fail())
      await checkPut(Buffer.from(top), vector, name => stats.get(name)?.stat ?? vector.childStat)
    })
  }
})

test('put says when an inode changed, backup does not', async () => {
  using disk = folder()
  const source = join(disk.path, 'file')
  writeFileSync(source, 'content')
  utimesSync(source, 1, 1)
  const ctimeIn = async (mode: 'put' | 'backup'): Promise<bigint | undefined> => {
    const blobs = new BlobMap()
    const { root } = await snapshotTree({
      source,
      door: recordedDoor(blobs),
      clock: systemClock,
      mode,
    })
    return nodeOf(blobs.blobs.get(root) ?? assert.fail())?.ctime
  }
  assert.equal(await ctimeIn('put'), lstatSync(source, { bigint: true }).ctimeNs)
  assert.equal(await ctimeIn('backup'), undefined)
})

function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'put-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

async function checkPut(
  source: Buffer,
  vector: Case,
  statOf: (name: string) => Stat,
): Promise<void> {
  const blobs = new BlobMap()
  const mode = vector.contentsOnly ? 'contents-only' : 'put'
  const door = recordedDoor(blobs, statOf)
  const { root, problems } = await snapshotTree({ source, door, clock: systemClock, mode })
  assert.deepEqual(problems, [])
  checkUpload(blobs.blobs, root, vector)
}

/**
 * Keeps blobs with the recorded ctime in place of their own, which no call can set on a disk; and with the
 * recorded owner, where whoever runs this cannot set it.
 */
function recordedDoor(blobs: BlobMap, statOf?: (name: string) => Stat): Door {
  return {
    async receive(offered) {
      const bytes = offered instanceof Uint8Array ? offered : offered.bytes
      if (bytes !== offered) assert.equal(refOf(bytes), (offered as HashedBytes).ref)
      const node = nodeOf(bytes)
      const isNamed = node?.name !== undefined && statOf !== undefined
      const kept = isNamed ? writeSchema({ ...node, ...recordedOf(node, statOf) }) : bytes
      return { ref: blobs.keep(kept), size: bytes.length, isNew: true }
    },
  }
}

function recordedOf(node: NodeSchema, statOf: (name: string) => Stat): NodeFields {
  const { mtime, ctime, uid, gid, owner, group } = statOf(String(Buffer.from(node.name ?? [])))
  assert.notEqual(node.ctime, undefined)
  // The recording kept the key for regular files (pk-put's -capctime), else only where the times differ.
  const hasKey = node.type === 'file' || ctime !== mtime
  const recorded = { ctime: hasKey ? parseTime(ctime ?? '') : undefined }
  if (isRoot) return recorded
  const owners = { owner: owner ?? undefined, group: group ?? undefined }
  return { ...recorded, ownerId: uid, groupId: gid, ...owners }
}

/** Gives a path the recorded owner (as root), mode and modification time. */
function dress(path: string | Buffer, { mode, uid, gid, mtime }: Stat, isLink = false): void {
  if (isRoot) lchownSync(path, uid, gid)
  if (!isLink) chmodSync(path, Number.parseInt(mode, 8))
  const bytes = Buffer.from(path)
  const seconds = Date.parse(mtime) / 1000
  if (!isLink && Number.isInteger(seconds) && !/[.]/.test(mtime)) utimesSync(path, seconds, seconds)
  // Node's own utimes takes floating-point seconds, which cannot say nanoseconds.
  else execFileSync('sh', ['-c', `touch -h -m -d ${mtime} "$(printf '${octal(bytes)}')"`])
}

function octal(bytes: Buffer): string {
  return [...bytes].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

/** Makes a recorded tree; what is answered closes its sockets. */
async function makeTree(top: string, vector: Case): Promise<AsyncDisposable> {
  const sockets = new AsyncDisposableStack()
  for (const entry of vector.entries) sockets.use(await makeEntry(join(top, entry.path), entry))
  for (let number = 0; number < (vector.rule?.count ?? 0); number += 1) {
    const path = join(top, `f${String(number).padStart(5, '0')}`)
    writeFileSync(path, '')
    dress(path, vector.childStat)
  }
  // Folders last, and the innermost first: what is made in them changes their times.
  for (const { path, stat, type } of vector.entries.toReversed()) {
    if (type === 'directory') dress(join(top, path), stat)
  }
  return sockets
}

async function makeEntry(path: string, entry: Entry): Promise<AsyncDisposable | undefined> {
  let socket: AsyncDisposable | undefined
  if (entry.type === 'directory') mkdirSync(path)
  else if (entry.type === 'file') writeFileSync(path, contentOf(entry))
  else if (entry.type === 'symlink') symlinkSync(targetOf(entry), path)
  else if (entry.type === 'fifo') execFileSync('mkfifo', [path])
  else if (entry.type === 'socket' || !makeDevice(path)) socket = await listenAt(path)
  if (entry.type !== 'directory') dress(path, entry.stat, entry.type === 'symlink')
  return socket
}

function contentOf({ generator }: Entry): Buffer {
  return generate(generator ?? assert.fail(), vectors.words)
}

/** False where whoever runs this may make no devices: a socket gives the same blob, as in Perkeep. */
function makeDevice(path: string): boolean {
  return spawnSync('mknod', [path, 'c', '1', '3']).status === 0
}

async function listenAt(path: string): Promise<AsyncDisposable> {
  const server = createServer().listen(path)
  await once(server, 'listening')
  return server
}
