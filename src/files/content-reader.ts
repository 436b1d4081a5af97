import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import type { BlockAnswer, BlockFailure, BlockQuestion } from './content-thread.ts'

/**
 * Reads, cuts and hashes large files on a thread of its own: the main one, which has the disk and the index to feed,
 * would else do it in between. The thread starts with the first file.
 */
export interface ContentReader {
  open(descriptor: number): OpenedContent
  /** Ends the thread; what is asked then never comes. */
  close(): Promise<void>
}

export interface OpenedContent {
  /**
   * Reads the next `length` bytes into a block, behind what the last one left over. May be called again before the
   * answer is there; the descriptor must stay open until it is. Rejects with the system's error.
   */
  read(block: SharedArrayBuffer, length: number, isLast: boolean): Promise<BlockAnswer>
  /** Says that nothing more is asked of this file. */
  end(): void
}

interface Waiting {
  resolve(answer: BlockAnswer): void
  reject(error: Error): void
}

export function openContentReader(): ContentReader {
  let worker: Worker | undefined
  let files = 0
  const blocks = new Map<SharedArrayBuffer, number>()
  /** Answers come in the order of the questions. */
  const waiting: Waiting[] = []

  function rejectAll(error: Error): void {
    for (const { reject } of waiting.splice(0)) reject(error)
  }

  function startWorker(): Worker {
    const program = new URL(`./content-thread${extname(import.meta.url)}`, import.meta.url)
    const started = new Worker(program)
    started.on('message', (told: BlockAnswer | BlockFailure) => {
      const next = waiting.shift()
      if (!('failure' in told)) next?.resolve(told)
      else next?.reject(Object.assign(new Error(told.failure.message), { code: told.failure.code }))
    })
    started.on('error', error => {
      // What is asked next gets a new thread.
      worker = undefined
      blocks.clear()
      rejectAll(error)
    })
    return started
  }

  function ask(
    memory: SharedArrayBuffer,
    question: Omit<BlockQuestion, 'block'>,
  ): Promise<BlockAnswer> {
    worker ??= startWorker()
    const known = blocks.get(memory)
    const block = known ?? blocks.size
    blocks.set(memory, block)
    worker.postMessage(
      known === undefined ? { ...question, block, memory } : { ...question, block },
    )
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  }

  return {
    open(descriptor) {
      const file = (files += 1)
      return {
        read: (block, length, isLast) => ask(block, { file, descriptor, length, isLast }),
        end: () => worker?.postMessage({ forget: file }),
      }
    },
    async close() {
      await worker?.terminate()
      rejectAll(new Error('the reading thread was ended'))
    },
  }
}
