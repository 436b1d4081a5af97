import { join } from 'node:path'

import { type FileLayer, replaceFile } from '../base/files.ts'
import type { LogPosition, SchemaLog } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'
import type { KeptTries, TrieStore } from '../peer/compared-sets.ts'
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

  async function* later(position: LogPosition): KeptTries['later'] {
    for await (const { ref } of log.readLog(position)) {
      for (const set of setNames) if (await index().isMember(set, ref)) yield { set, ref }
    }
  }

  return {
    async load() {
      const claims = split(await files.readFile(pathOf('claims')))
      const schema = split(await files.readFile(pathOf('schema')))
      // Written one after the other: a kill may have come in between.
      if (!claims || !schema || claims.head !== schema.head) return undefined
      const { epoch, position } = claims.version
      if (position === undefined || (await index().memberVersion()).epoch !== epoch)
        return undefined
      return { tries: { claims: claims.bytes, schema: schema.bytes }, later: later(position) }
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

interface Kept {
  readonly head: string
  readonly version: Version
  readonly bytes: Uint8Array
}

function split(file: Uint8Array | undefined): Kept | undefined {
  const end = file?.indexOf(10) ?? -1
  if (!file || end < 0) return undefined
  const head = Buffer.from(file.subarray(0, end)).toString()
  try {
    return { head, version: JSON.parse(head) as Version, bytes: file.subarray(end + 1) }
  } catch {
    return undefined
  }
}
