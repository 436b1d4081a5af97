import { closeSync, constants, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs'

import { isZero, type Metadata, removeIfThere, setMetadata } from './place.ts'

/** A file under a temporary name, which nobody sees in its place before it is whole. */
export interface WrittenFile {
  /** Adds bytes, or a hole of so many. */
  write(piece: Uint8Array | number): void
  /** Gives it its metadata, and moves it to `path`. */
  finish(path: Buffer, metadata: Metadata): void
  /** Leaves nothing of it; does nothing once it is finished. */
  abandon(): void
}

const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** Makes the file under `temporary`; whatever is there goes. */
export function beginFile(temporary: Buffer): WrittenFile {
  removeIfThere(temporary)
  const descriptor = openSync(temporary, flags, 0o600)
  let position = 0
  let isOpen = true
  let isLeft = true

  function close(): void {
    if (isOpen) closeSync(descriptor)
    isOpen = false
  }

  return {
    write(piece) {
      if (typeof piece === 'number') {
        position += piece
        return
      }
      if (!isZero(piece)) {
        for (let at = 0; at < piece.length;)
          at += writeSync(descriptor, piece, at, piece.length - at, position + at)
      }
      position += piece.length
    },
    finish(path, metadata) {
      // What ends with a hole has its length from this.
      ftruncateSync(descriptor, position)
      close()
      setMetadata(temporary, metadata)
      renameSync(temporary, path)
      isLeft = false
    },
    abandon() {
      close()
      if (isLeft) removeIfThere(temporary)
      isLeft = false
    },
  }
}
