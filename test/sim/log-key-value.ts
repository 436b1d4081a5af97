import { hash } from 'node:crypto'

import { PeerkeepError } from '../../src/base/errors.ts'
import type { FileLayer, OpenFile } from '../../src/base/files.ts'
import { checkOperations } from '../../src/base/key-value-rules.ts'
import type { KeyValue, KeyValueOperation } from '../../src/base/key-value.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'

/** A batch in the log: the length of its JSON in 4 bytes, its sha256 in 32, the JSON. */
const headerBytes = 36

/**
 * Level's stand-in over a file layer: one log of batches in the directory, replayed into memory at
 * the start. Keeps the contract of KeyValue through power cuts as Level does: a batch whose record
 * is torn, and all after it, never happened.
 */
export async function openLogKeyValue(files: FileLayer, directory: string): Promise<KeyValue> {
  await files.makeDirectory(directory)
  const path = `${directory}/batches.log`
  const existing = await files.open(path, 'update')
  const log = existing ?? (await files.open(path, 'create'))
  const rows = openMemoryKeyValue()
  const end = await replay(log, rows)
  // What is cut off must not come back behind the next batches, nor may what is left be forgotten.
  await log.truncate(end)
  await log.sync()
  await files.syncDirectory(directory)
  return keyValueOf(log, rows, end)
}

function keyValueOf(log: OpenFile, rows: KeyValue, start: number): KeyValue {
  let end = start
  let tail = Promise.resolve()
  let failure: unknown
  let closing: Promise<void> | undefined

  async function write(operations: readonly KeyValueOperation[], sync: boolean): Promise<void> {
    // After a failure the log's end is unknown: a later batch could stand behind a torn one.
    if (failure !== undefined) throw failure as Error
    const record = encode(operations)
    try {
      await log.write([record], end)
      if (sync) await log.sync()
    } catch (error) {
      failure = error
      throw error
    }
    end += record.length
    await rows.batch(operations)
  }

  async function closeWhenWritten(): Promise<void> {
    await tail
    await rows.close()
    await log.close()
  }

  return {
    get: key => rows.get(key),
    getMany: keys => rows.getMany(keys),
    async batch(operations, { sync = false } = {}) {
      if (closing) throw new PeerkeepError('CLOSED', 'The log was used after it was closed.')
      checkOperations(operations)
      const done = tail.then(() => write(operations, sync))
      tail = done.catch(() => undefined)
      await done
    },
    scan: range => rows.scan(range),
    close: () => (closing ??= closeWhenWritten()),
  }
}

/** Applies the batches of a log; answers where the last whole one ends. */
async function replay(log: OpenFile, rows: KeyValue): Promise<number> {
  const bytes = Buffer.alloc(await log.size())
  await log.read(bytes, 0)
  let end = 0
  while (end + headerBytes <= bytes.length) {
    const next = end + headerBytes + bytes.readUInt32LE(end)
    const text = bytes.subarray(end + headerBytes, next)
    if (next > bytes.length || !checksum(text).equals(bytes.subarray(end + 4, end + headerBytes)))
      break
    await rows.batch(JSON.parse(text.toString()) as KeyValueOperation[])
    end = next
  }
  return end
}

function encode(operations: readonly KeyValueOperation[]): Buffer {
  const text = Buffer.from(JSON.stringify(operations))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return Buffer.concat([length, checksum(text), text])
}

function checksum(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}
