import { parentPort, workerData } from 'node:worker_threads'

import { type SqliteDocuments, openSqliteDocuments } from './sqlite-documents.ts'

/**
 * The thread that has the tables of search documents open: SQLite's calls block, and the main thread has others to
 * serve meanwhile. `thread-documents.ts` is its other end.
 */

/** A method of the tables, and what it is called with. Answered in the order of the questions. */
export type TablesQuestion = {
  readonly [Method in Exclude<keyof SqliteDocuments, 'close'>]: readonly [
    method: Method,
    ...parameters: Parameters<SqliteDocuments[Method]>,
  ]
}[Exclude<keyof SqliteDocuments, 'close'>]

export type TablesAnswer =
  | { readonly answer: unknown }
  | { readonly failure: { readonly code: string | undefined; readonly message: string } }

let tables: SqliteDocuments | undefined

function answer(question: TablesQuestion): unknown {
  tables ??= openSqliteDocuments(String(workerData))
  switch (question[0]) {
    case 'version':
      return tables.version()
    case 'reset':
      return tables.reset(question[1])
    case 'apply':
      return tables.apply(question[1], question[2])
    case 'select':
      return tables.select(question[1], question[2])
  }
}

function failureOf(error: unknown): TablesAnswer {
  const code = (error as { code?: string } | undefined)?.code
  return { failure: { code, message: error instanceof Error ? error.message : String(error) } }
}

parentPort?.on('message', (question: TablesQuestion | 'close') => {
  if (question === 'close') {
    tables?.close()
    parentPort?.close()
    return
  }
  let told: TablesAnswer
  try {
    told = { answer: answer(question) }
  } catch (error) {
    told = failureOf(error)
  }
  parentPort?.postMessage(told)
})
