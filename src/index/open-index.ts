import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { refsIn } from '../schema/parse-schema.ts'
import type { KeyId } from '../schema/signer.ts'
import { parseCounts } from './counts.ts'
import { type Ground, metaOf } from './evaluate.ts'
import { type Follower, type FollowerParts, openFollower } from './follower.ts'
import { SETTLE_ROWS_MAX, STAT_REFS_MAX } from './limits.ts'
import { firstEpoch } from './member-changes.ts'
import {
  enumerateMeta,
  queryDisputed,
  queryMember,
  queryMemberVersion,
  querySignedBy,
} from './member-queries.ts'
import { isMember } from './members.ts'
import { absentOf } from './missing.ts'
import { queryNeeders } from './needers.ts'
import { openPasses } from './passes.ts'
import {
  queryBackups,
  queryClaims,
  queryFacts,
  queryFilesOfContent,
  queryPermanode,
  queryPermanodes,
  queryPlannedPermanode,
  querySaid,
  querySettled,
  querySnapshots,
  queryStates,
} from './permanode-queries.ts'
import { queryShare, queryShares } from './share-queries.ts'
import type { Index, MissingBlob } from './queries.ts'
import { VERSION, dateOfText, lastField, rangeAfter } from './rows.ts'
import { querySleeping } from './sleeping.ts'

export type IndexParts = FollowerParts

/** An index over `rows`, which stay the caller's to close. Follows the log from where the rows are. */
export async function openIndex(parts: IndexParts): Promise<Index> {
  const { rows, clock } = parts
  await checkVersion(rows, firstEpoch(clock.now()))
  const follower = await openFollower(parts)
  const passes = openPasses(follower.follow, parts)

  async function close(): Promise<void> {
    passes.stop()
    await follower.close()
    await passes.idle()
  }

  return {
    wake: passes.wake,
    catchUp: passes.run,
    ...permanodeQueries(follower.ground),
    ...blobQueries(parts, follower),
    ...memberQueries(follower),
    trust: follower.trust,
    documents: async () => ((await follower.writeDocuments()) ? parts.documents : undefined),
    latestClaimDate: async () => latestClaimDate(follower),
    counts: async () => parseCounts(await rows.get('counts')),
    close,
    [Symbol.asyncDispose]: close,
  }
}

type PermanodeQueries = Pick<
  Index,
  | 'permanode'
  | 'settled'
  | 'claims'
  | 'plannedPermanode'
  | 'permanodes'
  | 'permanodesSaid'
  | 'states'
  | 'filesOfContent'
  | 'share'
  | 'shares'
  | 'backups'
  | 'snapshots'
  | 'facts'
>

function permanodeQueries(ground: Ground): PermanodeQueries {
  return {
    permanode: async (ref, at) => queryPermanode(ground, ref, at),
    settled: async refs => querySettled(ground.rows, refs),
    claims: ref => queryClaims(ground, ref),
    share: async ref => queryShare(ground, ref),
    shares: () => queryShares(ground),
    plannedPermanode: async key => queryPlannedPermanode(ground, key),
    permanodes: after => queryPermanodes(ground.rows, after),
    permanodesSaid: (attribute, value) => querySaid(ground.rows, attribute, value),
    states: () => queryStates(ground.rows),
    filesOfContent: wholeRef => queryFilesOfContent(ground.rows, wholeRef),
    async *backups() {
      yield* await queryBackups(ground)
    },
    snapshots: backup => querySnapshots(ground, backup),
    facts: async file => queryFacts(ground, file),
  }
}

type MemberQueries = Pick<
  Index,
  | 'enumerateMeta'
  | 'isMember'
  | 'mayStore'
  | 'signedBy'
  | 'sleeping'
  | 'disputed'
  | 'onMembers'
  | 'memberVersion'
>

function memberQueries({ ground, onMembers }: Follower): MemberQueries {
  const { rows } = ground
  return {
    enumerateMeta: (kind, after) => enumerateMeta(rows, kind, after),
    isMember: async (kind, ref) => queryMember(rows, kind, ref),
    mayStore: async (signer, ref) => ground.isNamed(ref) || isMember(ground, signer, ref),
    signedBy: key => querySignedBy(rows, key),
    sleeping: async rowsMax => querySleeping(ground, rowsMax),
    disputed: after => queryDisputed(rows, after),
    onMembers,
    memberVersion: async () => queryMemberVersion(rows),
  }
}

type BlobQueries = Pick<
  Index,
  'edgesFrom' | 'edgesTo' | 'needers' | 'meta' | 'missing' | 'arrived' | 'lost'
>

function blobQueries({ rows, fetch, stat }: FollowerParts, follower: Follower): BlobQueries {
  const { arrived, lost } = follower

  async function* missing(after?: BlobRef): AsyncGenerator<MissingBlob> {
    let batch: MissingBlob[] = []
    for await (const [key, by] of rows.scan(rangeAfter('missing|', after))) {
      batch.push({ needed: lastField(key) as BlobRef, by: by as BlobRef })
      if (batch.length < STAT_REFS_MAX) continue
      yield* await stillMissing(batch)
      batch = []
    }
    yield* await stillMissing(batch)
  }

  /** A kill may have come between a blob's arrival and the word of it: the store knows. */
  async function stillMissing(batch: readonly MissingBlob[]): Promise<MissingBlob[]> {
    const absent = new Set(
      await absentOf(
        stat,
        batch.map(({ needed }) => needed),
      ),
    )
    const here = batch.filter(({ needed }) => !absent.has(needed))
    if (here.length > 0) await arrived(here.map(({ needed }) => needed))
    return batch.filter(({ needed }) => absent.has(needed))
  }

  return {
    async *edgesFrom(refs) {
      const keys = refs.flatMap(ref => ['s', 'c', 'd'].map(letter => `meta|${letter}|${ref}`))
      const known = await rows.getMany(keys)
      for (const [i, ref] of refs.entries()) {
        const isKnown = known.slice(3 * i, 3 * i + 3).some(text => text !== undefined)
        const bytes = isKnown ? await fetch(ref) : undefined
        if (bytes) yield* refsIn(bytes)
      }
    },
    async *edgesTo(ref) {
      for await (const [key] of rows.scan(prefixRange(`back|${ref}|`)))
        yield lastField(key) as BlobRef
    },
    needers: refs => queryNeeders(rows, refs),
    async meta(ref) {
      const meta = await metaOf(rows, ref)
      return meta && { type: meta.type, size: meta.size, file: meta.file }
    },
    missing,
    arrived,
    lost,
  }
}

/** Of revoked keys too: what stays valid of theirs is to be exceeded. */
async function latestClaimDate({ ground, trust }: Follower): Promise<bigint> {
  const own = JSON.parse((await ground.rows.get('own')) ?? '[]') as KeyId[]
  const keys = [trust.owner, ...own]
  const dates = await ground.rows.getMany(keys.map(key => `latest|${key}`))
  const known = dates.filter(date => date !== undefined).sort()
  const latest = known.at(-1)
  return latest === undefined ? 0n : dateOfText(latest)
}

/** Rows of another version are no use: all go, and the log is followed from its beginning. */
async function checkVersion(rows: KeyValue, epoch: string): Promise<void> {
  if ((await rows.get('version')) === VERSION) return
  await rows.batch([{ type: 'delete', key: 'position' }])
  for (;;) {
    const found = await Array.fromAsync(rows.scan({ limit: SETTLE_ROWS_MAX }))
    if (found.length === 0) break
    await rows.batch(found.map(([key]) => ({ type: 'delete', key })))
  }
  await rows.batch([
    { type: 'put', key: 'version', value: VERSION },
    { type: 'put', key: 'epoch', value: epoch },
  ])
}
