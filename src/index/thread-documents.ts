import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import { PeerkeepError } from '../base/errors.ts'
import type { DocumentTables } from './document-tables.ts'
import type { TablesAnswer, TablesQuestion } from './documents-thread.ts'
import type { SqliteDocuments } from './sqlite-documents.ts'

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

/**
 * The tables in the SQLite file `path`, on a thread of their own, which starts with the first question. What is
 * asked rejects with `IO` where the file cannot be read or written.
 */
export function openThreadDocuments(path: string): DocumentTables {
  let worker: Worker | undefined
  let isClosed = false
  /** Answers come in the order of the questions. */
  const waiting: Waiting[] = []

  function startWorker(): Worker {
    const program = new URL(`./documents-thread${extname(import.meta.url)}`, import.meta.url)
    const started = new Worker(program, { workerData: path })
    started.unref()
    started.on('message', (told: TablesAnswer) => {
      const next = waiting.shift()
      if (waiting.length === 0) started.unref()
      if ('answer' in told) next?.resolve(told.answer)
      else next?.reject(failed(told.failure.message))
    })
    started.on('error', error => {
      // What is asked next gets a new thread.
      worker = undefined
      for (const { reject } of waiting.splice(0)) reject(failed(String(error)))
    })
    return started
  }

  async function ask(question: TablesQuestion): Promise<unknown> {
    if (isClosed)
      throw new PeerkeepError('CLOSED', 'The search tables were used after they were closed.')
    const asked = (worker ??= startWorker())
    asked.ref()
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
      asked.postMessage(question)
    })
  }

  type Answer<Method extends Exclude<keyof SqliteDocuments, 'close'>> = ReturnType<
    SqliteDocuments[Method]
  >

  return {
    version: async () => (await ask(['version'])) as Answer<'version'>,
    reset: async maker => void (await ask(['reset', maker])),
    apply: async (documents, count) => void (await ask(['apply', documents, count])),
    select: async (sql, parameters) => (await ask(['select', sql, parameters])) as Answer<'select'>,
    async close() {
      if (isClosed) return
      isClosed = true
      if (!worker) return
      const ended = new Promise(resolve => worker?.once('exit', resolve))
      worker.ref()
      worker.postMessage('close')
      await ended
    },
  }

  function failed(reason: string): PeerkeepError {
    return new PeerkeepError('IO', `the search tables ${path}: ${reason}`)
  }
}
