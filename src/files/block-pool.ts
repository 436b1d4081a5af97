import { CHUNK_MAX } from '../schema/chunker.ts'
import { BLOCKS_MAX, READ_BLOCK_BYTES } from './limits.ts'

/** Memory that large files are read into, used again and again: fresh memory costs as much as hashing it. */
export interface BlockPool {
  /** Waits for a free block. It is free again once every use of it has been given back. */
  take(): Promise<Block>
}

export interface Block {
  readonly shared: SharedArrayBuffer
  readonly bytes: Uint8Array
  /** Keeps the block until the promise settles, either way. */
  holdUntil(done: Promise<unknown>): void
  /** Says that no further hold comes. */
  release(): void
}

/** Room for a block and for what the chunk before it left over. */
const BLOCK_BYTES = READ_BLOCK_BYTES + CHUNK_MAX

export function openBlockPool(): BlockPool {
  const free: SharedArrayBuffer[] = []
  const waiting: ((shared: SharedArrayBuffer) => void)[] = []
  let made = 0

  function giveBack(shared: SharedArrayBuffer): void {
    const next = waiting.shift()
    if (next) next(shared)
    else free.push(shared)
  }

  async function findFree(): Promise<SharedArrayBuffer> {
    const shared = free.pop()
    if (shared) return shared
    if (made === BLOCKS_MAX) return new Promise(resolve => waiting.push(resolve))
    made += 1
    return new SharedArrayBuffer(BLOCK_BYTES)
  }

  return {
    async take() {
      const shared = await findFree()
      let holds = 1
      const release = (): void => {
        holds -= 1
        if (holds === 0) giveBack(shared)
      }
      return {
        shared,
        bytes: new Uint8Array(shared),
        holdUntil(done) {
          holds += 1
          done.then(release, release)
        },
        release,
      }
    },
  }
}
