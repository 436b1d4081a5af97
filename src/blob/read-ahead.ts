import { READ_AHEAD_BYTES, READ_AHEAD_GAP_MAX, READ_AHEAD_WINDOWS } from './limits.ts'

/** Reads up to `size` bytes of a pack from `offset`, into `room` if given; undefined when the pack is missing. */
export type ReadPack = (
  pack: number,
  offset: number,
  size: number,
  room?: Uint8Array,
) => Promise<Uint8Array | undefined>

interface Window {
  readonly pack: number
  readonly begin: number
  readonly end: number
  readonly room: Uint8Array
  readonly bytes: Promise<Uint8Array | undefined>
}

/**
 * Reads that follow each other in a pack, as those of one file's chunks do, are served from windows that are read at
 * once: a call of the system for each would cost more than its bytes. Several readers may go on beside each other.
 * What it answers may be older than the file, so whoever finds it wrong must read again.
 */
export function openReadAhead(read: ReadPack): ReadPack {
  /** The most recent last. */
  const windows: Window[] = []
  /** Memory of windows that nobody reads in any more. */
  const rooms: Uint8Array[] = []
  const ends: { readonly pack: number; readonly end: number }[] = []

  function isNext(pack: number, offset: number): boolean {
    const at = ends.findIndex(
      last => last.pack === pack && offset >= last.end && offset - last.end <= READ_AHEAD_GAP_MAX,
    )
    if (at >= 0) ends.splice(at, 1)
    return at >= 0
  }

  function openWindow(pack: number, offset: number): Window {
    const room = rooms.pop() ?? Buffer.allocUnsafeSlow(READ_AHEAD_BYTES)
    const bytes = read(pack, offset, READ_AHEAD_BYTES, room)
    const window = { pack, begin: offset, end: offset + READ_AHEAD_BYTES, room, bytes }
    // Whoever awaits it meets the failure; then it is of no use to others.
    bytes.catch(() => windows.includes(window) && windows.splice(windows.indexOf(window), 1))
    windows.push(window)
    const oldest = windows.length > READ_AHEAD_WINDOWS ? windows.shift() : undefined
    // Those who wait for it were there before, so they have copied what they want.
    oldest?.bytes.then(
      () => rooms.push(oldest.room),
      () => undefined,
    )
    return window
  }

  function findWindow(pack: number, offset: number, size: number): Window | undefined {
    const covers = (window: Window): boolean =>
      window.pack === pack && offset >= window.begin && offset + size <= window.end
    const found = windows.find(covers)
    const mayOpen = isNext(pack, offset) && size < READ_AHEAD_BYTES
    return found ?? (mayOpen ? openWindow(pack, offset) : undefined)
  }

  // oxlint-disable-next-line max-params -- where, how much, and into what
  return async (pack, offset, size, room) => {
    const window = findWindow(pack, offset, size)
    ends.push({ pack, end: offset + size })
    if (ends.length > READ_AHEAD_WINDOWS) ends.shift()
    const bytes = await window?.bytes
    if (!window || !bytes) return read(pack, offset, size, room)
    const at = offset - window.begin
    // The pack may have been shorter when the window was read.
    if (at + size > bytes.length) return read(pack, offset, size, room)
    const copy = room ?? Buffer.allocUnsafe(size)
    copy.set(bytes.subarray(at, at + size))
    return copy
  }
}
