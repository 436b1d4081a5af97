import assert from 'node:assert/strict'

import type { BlobRef } from '../../src/blob/ref.ts'
import type { MemberVersion } from '../../src/index/queries.ts'
import type { World } from './index-world.ts'

/** The members of both sets at a version. */
export interface MembersAt {
  readonly version: MemberVersion
  readonly members: ReadonlySet<BlobRef>
}

/** Whoever keeps the sets, as something that reconciles does. */
export async function membersNow({ index }: World): Promise<MembersAt> {
  const members = new Set<BlobRef>()
  for (const kind of ['claims', 'schema'] as const) {
    for await (const { ref } of index.enumerateMeta(kind)) members.add(ref)
  }
  return { version: await index.memberVersion(), members }
}

/** What a version promises: in one epoch, only what the log brought since can be new, and nothing is gone. */
export async function assertSince(world: World, before: MembersAt): Promise<void> {
  const now = await membersNow(world)
  if (now.version.epoch !== before.version.epoch) return
  const expected = new Set(before.members)
  for await (const { ref } of world.store.readLog(before.version.position)) {
    if (now.members.has(ref)) expected.add(ref)
  }
  assert.deepEqual([...now.members].sort(), [...expected].sort())
}
