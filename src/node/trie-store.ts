import { join } from 'node:path'

import { type FileLayer, replaceFile } from '../base/files.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { LogPosition, SchemaLog } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'
import type { TrieStore } from '../peer/compared-sets.ts'
import { type SetName, setNames } from '../peer/messages.ts'

interface TrieStoreParts {
  readonly files: FileLayer
  readonly directory: string
  readonly index: () => Index
  readonly log: SchemaLog
}

interface Version {
  readonly epoch: string
  readonly position: LogPosition | undefined
}

/**
 * Tries as files: a line of JSON that says of what state of the index they are, then the trie. What the log has
 * brought since then is added; a change of another kind makes them useless.
 */
export function openTrieStore({ files, directory, index, log }: TrieStoreParts): TrieStore {
  const pathOf = (set: SetName): string => join(directory, `${set}.trie`)

  async function* later(set: SetName, { position }: Version): AsyncGenerator<BlobRef> {
    for await (const { ref } of log.readLog(position)) {
      if (await index().isMember(set, ref)) yield ref
    }
  }

  return {
    async load(set) {
      const kept = split(await files.readFile(pathOf(set)))
      if (!kept) return undefined
      const now = await index().memberVersion()
      if (now.epoch !== kept.version.epoch || kept.version.position === undefined) return undefined
      return { bytes: kept.bytes, later: later(set, kept.version) }
    },
    async version() {
      return JSON.stringify(await index().memberVersion())
    },
    async save(version, tries) {
      await files.makeDirectory(directory)
      for (const set of setNames) {
        const head = Buffer.from(`${version}\n`)
        await replaceFile(files, pathOf(set), Buffer.concat([head, tries[set]]))
      }
    },
  }
}

function split(file: Uint8Array | undefined): { version: Version; bytes: Uint8Array } | undefined {
  const end = file?.indexOf(10) ?? -1
  if (!file || end < 0) return undefined
  try {
    const version = JSON.parse(Buffer.from(file.subarray(0, end)).toString()) as Version
    return { version, bytes: file.subarray(end + 1) }
  } catch {
    return undefined
  }
}
