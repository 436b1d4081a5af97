import type { OpenFile } from '../base/files.ts'
import { OPEN_PACKS_MAX } from './limits.ts'

/** Open files of packs, by number: the ones used last stay open, up to a limit. */
export interface HandleCache {
  /** Runs `use` with the file of a pack, undefined when there is none; it is not closed meanwhile. */
  use<Result>(pack: number, use: (file: OpenFile | undefined) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

interface Handle {
  readonly file: Promise<OpenFile | undefined>
  users: number
}

export function openHandleCache(
  open: (pack: number) => Promise<OpenFile | undefined>,
): HandleCache {
  /** In the order of their last use. */
  const handles = new Map<number, Handle>()

  async function shrink(limit: number): Promise<void> {
    for (const [pack, handle] of handles) {
      if (handles.size <= limit) return
      if (handle.users > 0) continue
      handles.delete(pack)
      await (await handle.file)?.close()
    }
  }

  return {
    async use(pack, use) {
      const handle = handles.get(pack) ?? { file: open(pack), users: 0 }
      handles.delete(pack)
      handles.set(pack, handle)
      handle.users += 1
      try {
        const file = await handle.file
        return await use(file)
      } finally {
        handle.users -= 1
        await forgetWhenAbsent(handles, pack, handle)
        await shrink(OPEN_PACKS_MAX)
      }
    },
    close: () => shrink(0),
  }
}

/** A pack that could not be opened is tried again the next time: it may be there then. */
async function forgetWhenAbsent(
  handles: Map<number, Handle>,
  pack: number,
  handle: Handle,
): Promise<void> {
  const file = await handle.file.catch(() => undefined)
  if (file === undefined && handles.get(pack) === handle) handles.delete(pack)
}
