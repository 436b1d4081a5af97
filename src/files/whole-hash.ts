import { Worker } from 'node:worker_threads'

/**
 * SHA-224 of whole files on a thread of its own: the main one hashes every chunk already, and the second hash over
 * the same bytes is half of its work on large files.
 */
export interface WholeHasher {
  /** Begins a file. */
  begin(): WholeHash
  /** Ends the thread. */
  close(): Promise<void>
}

export interface WholeHash {
  /** Adds bytes of a shared block; resolves once they are hashed and the block may be used again. */
  update(block: SharedArrayBuffer, begin: number, length: number): Promise<void>
  /** Hex, after the last update. */
  digest(): Promise<string>
}

/** Runs in the thread: `[file, block, begin, length]` adds to a file's hash, `[file]` ends it. */
const program = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
const hashes = new Map()
parentPort.on('message', ([file, block, begin, length]) => {
  const hash = hashes.get(file) ?? createHash('sha224')
  hashes.set(file, hash)
  if (block) {
    hash.update(new Uint8Array(block, begin, length))
    parentPort.postMessage([])
  } else {
    hashes.delete(file)
    parentPort.postMessage([hash.digest('hex')])
  }
})
`

export function openWholeHasher(): WholeHasher {
  let worker: Worker | undefined
  let lastFile = 0
  /** Answers come in the order of the questions. */
  const waiting: { resolve(answer: string): void; reject(error: Error): void }[] = []

  function ask(question: readonly unknown[]): Promise<string> {
    worker ??= startWorker()
    worker.postMessage(question)
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  }

  function startWorker(): Worker {
    const started = new Worker(program, { eval: true })
    started.on('message', ([answer = '']: [string?]) => waiting.shift()?.resolve(answer))
    started.on('error', error => {
      for (const { reject } of waiting.splice(0)) reject(error)
    })
    return started
  }

  return {
    begin() {
      const file = (lastFile += 1)
      return {
        update: async (block, begin, length) => void (await ask([file, block, begin, length])),
        digest: () => ask([file]),
      }
    },
    async close() {
      await worker?.terminate()
    },
  }
}
