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
  | { readonly failure: { readonly isDamage: boolean; readonly message: string } }

let tables: SqliteDocuments | undefined

/** Damaged tables come back empty, which only who asks for their version may take for an answer. */
let isLost = false

function answer(question: TablesQuestion): unknown {
  if (question[0] === 'version') isLost = false
  if (isLost) throw new Error('they were damaged')
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

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isDamage(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: number }
  return errcode === 11 || errcode === 26
}

function failureOf(error: unknown): TablesAnswer {
  const message = error instanceof Error ? error.message : String(error)
  return { failure: { isDamage: isDamage(error), message } }
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
    if (isDamage(error)) {
      tables?.close()
      tables = undefined
      isLost = true
    }
  }
  parentPort?.postMessage(told)
})
