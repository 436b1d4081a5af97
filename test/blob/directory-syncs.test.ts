import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openDirectorySyncs } from '../../src/blob/directory-syncs.ts'
import { openSimFiles } from '../sim/sim-files.ts'

test('who comes while a directory is synced waits for the next sync, and shares it', async () => {
  const running: PromiseWithResolvers<void>[] = []
  const files = {
    ...openSimFiles(),
    syncDirectory() {
      const sync = Promise.withResolvers<void>()
      running.push(sync)
      return sync.promise
    },
  }
  const { sync } = openDirectorySyncs(files, '/')
  const done: string[] = []
  const note = (name: string): Promise<unknown> => sync('/a').then(() => done.push(name))
  const all = [note('first'), note('second'), note('third')]
  assert.equal(running.length, 1)
  running[0]?.resolve()
  await all[0]
  // What the two had done may be too late for the sync that was running when they came.
  assert.deepEqual(done, ['first'])
  assert.equal(running.length, 2)
  running[1]?.resolve()
  await Promise.all(all)
  const last = note('fourth')
  assert.equal(running.length, 3)
  running[2]?.resolve()
  await last
})

test('a sync that failed fails for all who shared it, and the next one is tried', async () => {
  const files = openSimFiles()
  const { sync } = openDirectorySyncs(files, '/')
  files.failure = kind => (kind === 'syncDirectory' ? 'IO' : undefined)
  const outcomes = await Promise.allSettled([sync('/'), sync('/'), sync('/')])
  assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  files.failure = undefined
  await sync('/')
})
