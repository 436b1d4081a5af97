import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import type { Door, Received } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { storeStream } from '../../src/node/store-stream.ts'
import { generate } from '../vectors/perkeep/generate.ts'

test('a store that stands still holds little more memory than what is in flight', async () => {
  const content = generate({ type: 'xorshift32', seed: 5, size: 40 * 1024 * 1024 }, [])
  const held = new Set<ArrayBufferLike>()
  const waiting: (() => void)[] = []
  let isOpen = false
  const door: Door = {
    async receive(offered) {
      const bytes = offered instanceof Uint8Array ? offered : offered.bytes
      held.add(bytes.buffer)
      if (!isOpen) await new Promise<void>(resolve => waiting.push(resolve))
      return { ref: refOf(bytes), size: bytes.length, isNew: true } satisfies Received
    },
  }
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536)
  }
  const stored = storeStream(door, pieces())
  for (let turn = 0; turn < 200; turn += 1) await setImmediate()
  const bytes = [...held].reduce((sum, buffer) => sum + buffer.byteLength, 0)
  assert.ok(waiting.length > 10)
  assert.ok(bytes < 32 * 1024 * 1024, `${bytes} bytes are held`)
  isOpen = true
  for (const go of waiting) go()
  const { size, wholeRef } = await stored
  assert.equal(size, content.length)
  assert.equal(wholeRef, refOf(content))
})
