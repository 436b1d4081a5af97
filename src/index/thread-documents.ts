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

/** Says that the file is no database, or a damaged one. */
class Damage extends Error {
  constructor() {
    super('the search tables are damaged; they are made anew')
  }
}

/**
 * The tables in the SQLite file `path`, on a thread of their own, which starts with the first question. What is
 * asked rejects with `IO` where the file cannot be read or written; a damaged one is removed, and empty from then on.
 */
export function openThreadDocuments(
  path: string,
  remove: (path: string) => Promise<void>,
): DocumentTables {
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
      else next?.reject(told.failure.isDamage ? new Damage() : failed(told.failure.message))
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

  /** The version of damaged tables is that of none. */
  async function askVersion(): Promise<Answer<'version'>> {
    try {
      return (await ask(['version'])) as Answer<'version'>
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      for (const end of ['', '-wal', '-shm']) await remove(path + end)
      return (await ask(['version'])) as Answer<'version'>
    }
  }

  type Answer<Method extends Exclude<keyof SqliteDocuments, 'close'>> = ReturnType<
    SqliteDocuments[Method]
  >

  return {
    version: askVersion,
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
