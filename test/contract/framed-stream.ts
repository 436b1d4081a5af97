import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Stream } from '@libp2p/interface'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { FRAME_BODY_MAX, type FramedStream } from '../../src/peer/framed-stream.ts'
import {
  FRAME_BYTES_MAX,
  RECEIVE_BUFFER_BYTES,
  SEND_BYTES,
  STREAM_WINDOW_MAX,
} from '../../src/peer/limits.ts'

/** What an implementation is tried over: real streams, whose other end the test can misuse. */
export interface FramedStreamSubject {
  open(): Promise<{ readonly near: Stream; readonly far: Stream }>
  frame(stream: Stream): FramedStream
}

/** A resume hands out one window that waited and grants the next one, which arrives after the pause. */
const UNREAD_MAX = RECEIVE_BUFFER_BYTES + 2 * STREAM_WINDOW_MAX + FRAME_BYTES_MAX

/** One send may be begun while the line takes no more. */
const UNSENT_MAX = SEND_BYTES + FRAME_BYTES_MAX

/** Several times what may wait anywhere on the way, so that a stream without back-pressure shows. */
const FRAME_COUNT = 512

export function framedStreamContract(subject: () => FramedStreamSubject): void {
  test('a slow reader gets every frame in order, and neither side buffers more than its bound', async () => {
    const { near, far } = await subject().open()
    const writer = subject().frame(near)
    const reader = subject().frame(far)
    let unsent = 0
    const sending = (async () => {
      for (let index = 0; index < FRAME_COUNT; index++) {
        await writer.send(numbered(index))
        unsent = Math.max(unsent, near.writeBufferLength)
      }
      await writer.close()
    })()
    let unread = 0
    for (let index = 0; index < FRAME_COUNT; index++) {
      await turns(3)
      assert.equal(numberOf(await reader.receive()), index)
      unread = Math.max(unread, reader.buffered)
    }
    await sending
    assert.equal(await reader.receive(), undefined)
    assert.ok(unread <= UNREAD_MAX, `${unread} bytes waited for the reader`)
    assert.ok(unsent <= UNSENT_MAX, `${unsent} bytes waited for the line`)
    await reader.close()
  })

  test('a peer that never reads stops the writer, who learns when it is gone', async () => {
    const { near, far } = await subject().open()
    const writer = subject().frame(near)
    const reader = subject().frame(far)
    let sent = 0
    const sending = (async () => {
      for (;;) {
        await writer.send(numbered(sent))
        sent += 1
      }
    })()
    const failed = assert.rejects(sending)
    for (let before = -1; before !== sent || sent === 0; await turns(200)) before = sent
    assert.ok(reader.buffered <= UNREAD_MAX, `${reader.buffered} bytes waited for the reader`)
    assert.ok(near.writeBufferLength <= UNSENT_MAX, `${near.writeBufferLength} bytes waited`)
    assert.ok(sent * FRAME_BODY_MAX < 4 * UNREAD_MAX, `${sent} frames were taken`)
    reader.abort(new Error('the test gives up'))
    await failed
  })

  test('a frame over the limit is refused by its head, before its bytes come', async () => {
    for (const length of [FRAME_BODY_MAX + 1, 0x7fff_ffff, 0xffff_ffff]) {
      const { near, far } = await subject().open()
      const reader = subject().frame(far)
      near.send(head(length))
      await assert.rejects(reader.receive(), error => isPeerkeepError(error, 'BAD_FRAME'))
      reader.abort(new Error('refused'))
    }
  })

  test('a stream that ends within a frame is broken, not over', async () => {
    const whole = Buffer.concat([head(8), Buffer.alloc(8)])
    for (let length = 1; length < whole.length; length++) {
      const { near, far } = await subject().open()
      const reader = subject().frame(far)
      near.send(whole.subarray(0, length))
      await near.close()
      await assert.rejects(
        reader.receive(),
        error => isPeerkeepError(error, 'BAD_FRAME'),
        `${length} of ${whole.length} bytes`,
      )
      await reader.close()
    }
  })

  test('a frame that comes byte by byte is one frame', async () => {
    const { near, far } = await subject().open()
    const reader = subject().frame(far)
    for (const byte of Buffer.concat([head(300), Buffer.alloc(300, 7)]))
      near.send(Uint8Array.of(byte))
    const frame = await reader.receive()
    assert.deepEqual(Buffer.from(frame ?? []), Buffer.alloc(300, 7))
    await Promise.all([near.close(), reader.close()])
  })

  test('frames that came before the other side hung up are still read', async () => {
    const { near, far } = await subject().open()
    const writer = subject().frame(near)
    const reader = subject().frame(far)
    for (let index = 0; index < 40; index++) await writer.send(numbered(index))
    await Promise.all([writer.close(), reader.close()])
    for (let index = 0; index < 40; index++) assert.equal(numberOf(await reader.receive()), index)
    assert.equal(await reader.receive(), undefined)
  })

  test('who waits for a frame learns why the stream was cut', async () => {
    const { near, far } = await subject().open()
    const reader = subject().frame(far)
    const reason = new Error('cut here')
    const rejected = assert.rejects(reader.receive(), reason)
    reader.abort(reason)
    await rejected
    await assert.rejects(reader.receive(), reason)
    near.abort(reason)
  })

  test('concurrent senders do not mix their frames', async () => {
    const { near, far } = await subject().open()
    const writer = subject().frame(near)
    const reader = subject().frame(far)
    const sending = Promise.all(
      Array.from({ length: 50 }, (_, index) => writer.send(numbered(index))),
    )
    for (let index = 0; index < 50; index++) assert.equal(numberOf(await reader.receive()), index)
    await sending
    await Promise.all([writer.close(), reader.close()])
  })
}

function head(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

function numbered(index: number): Uint8Array {
  const frame = Buffer.alloc(FRAME_BODY_MAX)
  frame.writeUInt32BE(index)
  return frame
}

function numberOf(frame: Uint8Array | undefined): number | undefined {
  if (frame === undefined) return undefined
  assert.equal(frame.length, FRAME_BODY_MAX)
  return Buffer.from(frame.buffer, frame.byteOffset).readUInt32BE(0)
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}
