import { PeerkeepError } from '../../base/errors.ts'
import { checkStore } from '../../blob/check.ts'
import type { BlobRef } from '../../blob/ref.ts'
import { flagArgument } from '../arguments.ts'
import { findUsers } from '../find-users.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'
import { progressReporter } from '../progress-reporter.ts'
import { repair } from '../repair.ts'
import { fingerprintOf } from '../resolve-key.ts'
import { SLEEPING_ROWS_MAX, sleepingNote } from '../sleeping.ts'

/** Looks for damage, and for what schema needs and is not here: `{ readData, repair }`. */
export const checkOperation: Operation<Node> = {
  name: 'check',
  async run(node, args, context) {
    const report = progressReporter('check', node.system.clock, context)
    const seen = { blobs: 0, bytes: 0 }
    const named = new Set<BlobRef>()
    let damaged = 0
    const found = async (message: string, ref: BlobRef | undefined): Promise<void> => {
      if (ref !== undefined && named.has(ref)) return
      if (ref !== undefined) named.add(ref)
      damaged += 1
      const neededBy = ref === undefined ? [] : await findUsers(node, ref)
      await context.emit({ type: 'item', value: { message, ref: ref ?? null, neededBy } })
    }
    const damages = checkStore({
      directories: node.store.directories,
      index: node.store.index,
      readData: flagArgument(args, 'readData'),
      signal: context.signal,
      onProgress(progress) {
        Object.assign(seen, { blobs: progress.blobs, bytes: progress.bytes })
        report({ files: progress.blobs, bytes: progress.bytes })
      },
    })
    for await (const { message, ref } of damages) await found(message, ref)
    for await (const { needed } of node.index.missing()) {
      const [size] = await node.store.stat([needed])
      if (size === undefined) await found(`the blob ${needed} is not here`, needed)
    }
    const healed = flagArgument(args, 'repair') ? await repair(node, named, context) : 0
    return { ...seen, damaged, healed }
  },
}

/** Counts: `{}`. */
export const statsOperation: Operation<Node> = {
  name: 'stats',
  async run({ store, index }) {
    let blobs = 0
    let blobBytes = 0
    for await (const { size } of store.enumerate()) {
      blobs += 1
      blobBytes += size
    }
    const { metaBlobs, claims, permanodes, missing } = await index.counts()
    const { packs, bytes, deadBytes } = await store.usage()
    return {
      blobs,
      blobBytes,
      schemaBlobs: metaBlobs,
      claims,
      permanodes,
      missing,
      packs,
      packBytes: bytes,
      deadBytes,
    }
  },
}

/** Drops the search index and rebuilds it: `{}`. */
export const reindexOperation: Operation<Node> = {
  name: 'reindex',
  async run(node) {
    const begin = node.system.clock.monotonic()
    await node.reindex()
    const { metaBlobs } = await node.index.counts()
    return { blobs: metaBlobs, seconds: (node.system.clock.monotonic() - begin) / 1000 }
  },
}

/** Free space below which a person should act, in bytes. */
const FREE_BYTES_MIN = 1024 ** 3

/** How far a clock may be behind the newest claim before something is wrong, in nanoseconds. */
const CLOCK_BEHIND_MAX = 600_000_000_000n

/** Looks whether the home is set up well: `{}`. */
export const doctorOperation: Operation<Node> = {
  name: 'doctor',
  async run(node, _args, { emit }) {
    const { free, total } = await node.system.files.freeSpace(node.paths.directory)
    const now = BigInt(node.system.clock.now()) * 1_000_000n
    const latest = await node.index.latestClaimDate()
    const { missing } = await node.index.counts()
    const devices = node.index.trust.devices().length
    const adopted = node.index.trust.adopted().filter(({ isRevoked }) => !isRevoked)
    const sleeping = await node.index.sleeping(SLEEPING_ROWS_MAX)
    const clockRefusal = node.claims.refusal()
    const checks: [isGood: boolean, message: string][] = [
      [true, `the home ${node.paths.directory} opens, and its store and index are in step`],
      [
        free > FREE_BYTES_MIN,
        `${Math.round(free / 1e9)} GB of ${Math.round(total / 1e9)} GB are free`,
      ],
      [latest < now + CLOCK_BEHIND_MAX, 'the clock is not behind what was signed'],
      [
        clockRefusal === undefined,
        clockRefusal ?? 'the clock agrees with that of a connected device, if there is any',
      ],
      [
        missing === 0,
        `${missing} blobs that are needed are not here${missing === 0 ? '' : ': peerkeep check names them'}`,
      ],
      ...sleeping.map((known): [boolean, string] => [false, sleepingNote(known)]),
      ...adopted.map((known): [boolean, string] => [
        true,
        `claims by the adopted key ${fingerprintOf(known.keyId)} count`,
      ]),
      [
        devices > 1,
        devices > 1
          ? `${devices} devices`
          : "only one device holds this: 'peerkeep pair' invites another",
      ],
    ]
    for (const [isGood, message] of checks) await emit({ type: 'item', value: { isGood, message } })
    return { isGood: checks.every(([isGood]) => isGood) }
  },
}

/** An operation that is asked for by a name that is none. */
export function unknownOperation(name: string): PeerkeepError {
  return new PeerkeepError(
    'BAD_USAGE',
    `this node does not know ${name}; is it of an older version?`,
  )
}
