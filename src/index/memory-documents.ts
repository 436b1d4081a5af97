import type { DocumentTables } from './document-tables.ts'
import { openSqliteDocuments } from './sqlite-documents.ts'

/** Tables in memory, in this thread: for what does not outlive it. */
export function openMemoryDocuments(): DocumentTables {
  const tables = openSqliteDocuments(':memory:')
  let isClosed = false
  return {
    version: async () => tables.version(),
    reset: async maker => tables.reset(maker),
    apply: async (documents, count) => tables.apply(documents, count),
    select: async (sql, parameters) => tables.select(sql, parameters),
    async close() {
      if (!isClosed) tables.close()
      isClosed = true
    },
  }
}
