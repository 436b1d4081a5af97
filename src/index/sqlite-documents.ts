import { DatabaseSync, type StatementSync } from 'node:sqlite'

import type { BlobRef } from '../blob/ref.ts'
import { flagKey, mediaKeys, refKey, timeKey, valueKey } from './document-keys.ts'
import type { SearchDocument, SqlValue, TablesVersion } from './document-tables.ts'
import { TABLES_CACHE_KIB } from './limits.ts'
import { searchedText, wordsOf } from './search-words.ts'

/**
 * The tables of search documents in SQLite, by blocking calls.
 *
 * | table | what is in it |
 * |---|---|
 * | `maker` | one row: who made the tables, and how many batches they hold |
 * | `documents` | a row a document, found by ref, by `created, ref` and by `modified, ref` |
 * | `holders` | `value, created, ref`: who has a value, in the order of time |
 * | `titles` | trigrams of titles and names, folded (FTS5, without the text itself) |
 * | `words` | words of texts (FTS5, without the text itself) |
 * | `places` | an R*Tree over positions |
 *
 * Values, times and refs are as in `document-keys.ts`.
 */
export interface SqliteDocuments {
  version(): TablesVersion | undefined
  reset(maker: string): void
  apply(
    documents: readonly (readonly [ref: BlobRef, document: SearchDocument | undefined])[],
    count: number,
  ): void
  select(sql: string, parameters: readonly SqlValue[]): SqlValue[][]
  close(): void
}

const TABLES = ['maker', 'documents', 'holders', 'titles', 'words', 'places'] as const

/** What is another version's is dropped. */
const TABLES_VERSION = 1

const SCHEMA = `
  CREATE TABLE maker (name TEXT NOT NULL, count INTEGER NOT NULL) STRICT;
  CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    ref BLOB NOT NULL UNIQUE,
    created BLOB NOT NULL,
    modified BLOB NOT NULL,
    hidden INTEGER NOT NULL,
    uncertain INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    rating REAL,
    latitude REAL,
    longitude REAL,
    has BLOB NOT NULL,
    titled INTEGER NOT NULL,
    worded INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX by_created ON documents (created, ref);
  CREATE INDEX by_modified ON documents (modified, ref);
  CREATE INDEX of_uncertain ON documents (id) WHERE uncertain = 1;
  CREATE TABLE holders (
    value BLOB NOT NULL,
    created BLOB NOT NULL,
    ref BLOB NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (value, created, ref)
  ) STRICT, WITHOUT ROWID;
  CREATE VIRTUAL TABLE titles USING fts5 (
    title, name, content='', contentless_delete=1, detail='full', tokenize='trigram case_sensitive 1'
  );
  CREATE VIRTUAL TABLE words USING fts5 (
    text, content='', contentless_delete=1, detail='none', tokenize='ascii'
  );
  CREATE VIRTUAL TABLE places USING rtree (id, south, north, west, east);
  PRAGMA user_version = ${TABLES_VERSION};
`

/** `path` is a file, or `:memory:`. Another version's tables are dropped. Throws SQLite's errors. */
export function openSqliteDocuments(path: string): SqliteDocuments {
  const database = openDatabase(path)
  const statements = new Map<string, StatementSync>()

  function prepared(sql: string): StatementSync {
    const known = statements.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    if (statements.size >= STATEMENTS_MAX) statements.clear()
    statements.set(sql, statement)
    return statement
  }

  function run(sql: string, ...parameters: SqlValue[]): void {
    prepared(sql).run(...parameters)
  }

  function inTransaction(work: () => void): void {
    database.exec('BEGIN IMMEDIATE')
    try {
      work()
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }

  return {
    version() {
      const [row] = prepared('SELECT name, count FROM maker').all() as unknown as SqlValue[][]
      return row && { maker: String(row[0]), count: Number(row[1]) }
    },
    reset(maker) {
      statements.clear()
      dropTables(database)
      database.exec(SCHEMA)
      run('INSERT INTO maker VALUES (?, 0)', maker)
    },
    apply(documents, count) {
      inTransaction(() => {
        for (const [ref, document] of documents) putDocument({ prepared, run }, ref, document)
        run('UPDATE maker SET count = ?', count)
      })
    },
    select: (sql, parameters) => prepared(sql).all(...parameters) as unknown as SqlValue[][],
    close() {
      statements.clear()
      database.close()
    },
  }
}

/** So many differ in what they compare. */
const STATEMENTS_MAX = 200

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    // After a power cut the last batches may be gone, which `version` tells; never parts of one.
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA cache_size = -${TABLES_CACHE_KIB};
    `)
    prepareTables(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function prepareTables(database: DatabaseSync): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() ?? {}
  if (version === TABLES_VERSION) return
  dropTables(database)
  database.exec(SCHEMA)
}

function dropTables(database: DatabaseSync): void {
  for (const table of TABLES) database.exec(`DROP TABLE IF EXISTS ${table}`)
}

interface Statements {
  readonly prepared: (sql: string) => StatementSync
  readonly run: (sql: string, ...parameters: SqlValue[]) => void
}

function putDocument(
  { prepared, run }: Statements,
  ref: BlobRef,
  document: SearchDocument | undefined,
): void {
  const key = refKey(ref)
  const [known] = prepared(
    'SELECT id, created, has, titled, worded FROM documents WHERE ref = ?',
  ).all(key) as unknown as Known[]
  if (known) removeRows({ prepared, run }, key, known)
  if (document) insertRows({ prepared, run }, key, document)
}

type Known = [id: number, created: Uint8Array, has: Uint8Array, titled: number, worded: number]

const VALUE_BYTES = 12

function removeRows({ run }: Statements, ref: Uint8Array, known: Known): void {
  const [id, created, has, titled, worded] = known
  for (let at = 0; at < has.length; at += VALUE_BYTES)
    run(
      'DELETE FROM holders WHERE value = ? AND created = ? AND ref = ?',
      has.subarray(at, at + VALUE_BYTES),
      created,
      ref,
    )
  if (titled === 1) run('DELETE FROM titles WHERE rowid = ?', id)
  if (worded === 1) run('DELETE FROM words WHERE rowid = ?', id)
  run('DELETE FROM places WHERE id = ?', id)
  run('DELETE FROM documents WHERE id = ?', id)
}

function insertRows(
  { prepared, run }: Statements,
  ref: Uint8Array,
  document: SearchDocument,
): void {
  const created = timeKey(document.created)
  const { position, width, height, rating } = document
  const [title, name] = [searchedText(document.title), searchedText(document.name)]
  const isTitled = title !== '' || name !== ''
  const words = wordsOf(document.text).join(' ')
  const values = valueKeys(document)
  const { lastInsertRowid } = prepared(
    'INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  ).run(
    ref,
    created,
    timeKey(document.modified),
    document.isHidden ? 1 : 0,
    document.isUncertain ? 1 : 0,
    width ?? null,
    height ?? null,
    rating ?? null,
    position?.latitude ?? null,
    position?.longitude ?? null,
    Buffer.concat(values),
    isTitled ? 1 : 0,
    words === '' ? 0 : 1,
  )
  const id = Number(lastInsertRowid)
  for (const value of values)
    run('INSERT INTO holders VALUES (?, ?, ?, ?)', value, created, ref, id)
  if (isTitled) run('INSERT INTO titles (rowid, title, name) VALUES (?, ?, ?)', id, title, name)
  if (words !== '') run('INSERT INTO words (rowid, text) VALUES (?, ?)', id, words)
  if (position) {
    const { latitude, longitude } = position
    run('INSERT INTO places VALUES (?, ?, ?, ?, ?)', id, latitude, latitude, longitude, longitude)
  }
}

function valueKeys({ values, mediaTypes }: SearchDocument): readonly Uint8Array[] {
  const keys = new Map<string, Uint8Array>()
  const add = (key: Uint8Array): void => void keys.set(Buffer.from(key).toString('hex'), key)
  for (const [attribute, value] of values) add(valueKey(attribute, value))
  for (const key of mediaTypes.flatMap(mediaKeys)) add(key)
  if (!values.some(([attribute]) => attribute === 'tag')) add(flagKey('untagged'))
  return [...keys.values()]
}
