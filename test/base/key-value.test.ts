import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { openLevelKeyValue } from '../../src/base/level-key-value.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { testKeyValue } from '../contract/key-value.ts'
import { openLogKeyValue } from '../sim/log-key-value.ts'
import { openSimFiles } from '../sim/sim-files.ts'

const root = await mkdtemp(join(tmpdir(), 'peerkeep-rows-'))
after(() => rm(root, { recursive: true }))

let made = 0
const freshDirectory = (): string => join(root, String(made++))

testKeyValue('memory', async () => openMemoryKeyValue())
testKeyValue('level', () => openLevelKeyValue(freshDirectory()))
testKeyValue('log', () => openLogKeyValue(openSimFiles(), '/rows'))

async function filledLevel(): Promise<string> {
  const directory = freshDirectory()
  const rows = await openLevelKeyValue(directory)
  for (let i = 0; i < 30; i++) {
    await rows.batch([{ type: 'put', key: String(i), value: 'x'.repeat(1 << 20) }])
  }
  await rows.close()
  return directory
}

test('level: rows are there after it was closed and opened', async () => {
  const directory = await filledLevel()
  await using stack = new AsyncDisposableStack()
  const rows = stack.adopt(await openLevelKeyValue(directory), opened => opened.close())
  assert.equal((await rows.get('29'))?.length, 1 << 20)
  assert.equal((await Array.fromAsync(rows.scan())).length, 30)
})

test('level: a second opening is refused, and the first works on', async () => {
  const directory = freshDirectory()
  const rows = await openLevelKeyValue(directory)
  await assert.rejects(openLevelKeyValue(directory), error => isPeerkeepError(error, 'HOME_LOCKED'))
  await rows.batch([{ type: 'put', key: 'a', value: 'b' }])
  await rows.close()
})

for (const lost of [/^CURRENT$/, /^MANIFEST/, /\.ldb$/]) {
  for (const way of ['gone', 'overwritten']) {
    test(`level: with ${String(lost)} ${way}, the damage is named and nothing is begun anew`, async () => {
      const directory = await filledLevel()
      const names = (await readdir(directory)).filter(name => lost.test(name))
      assert.notEqual(names.length, 0)
      for (const name of names) {
        const path = join(directory, name)
        await (way === 'gone' ? rm(path) : writeFile(path, 'not what Level wrote here\n'))
      }
      await assert.rejects(
        async () => {
          const rows = await openLevelKeyValue(directory)
          try {
            await Array.fromAsync(rows.scan())
          } finally {
            await rows.close()
          }
        },
        error => isPeerkeepError(error, 'STORE_DAMAGED') && error.message.includes(directory),
      )
    })
  }
}
