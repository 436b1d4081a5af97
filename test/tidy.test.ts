import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'

/** The folders of src/ and the only ones each may import: the table of ARCHITECTURE.md. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  blob: ['base'],
  schema: ['base', 'blob'],
  index: ['base', 'blob', 'schema'],
  files: ['base', 'blob', 'schema'],
  peer: ['base', 'blob', 'schema'],
  node: ['base', 'blob', 'schema', 'index', 'files', 'peer'],
  http: ['base', 'blob', 'schema', 'index', 'node'],
  cli: ['base', 'node', 'http'],
}

/** Packages that only these folders may import: the rest reaches them through a contract. */
const packageHomes: readonly (readonly [pattern: RegExp, folders: readonly string[]])[] = [
  [/^(libp2p|@libp2p\/|@chainsafe\/|@multiformats\/|it-pipe)/, ['peer', 'node']],
  [/^@(aws-sdk|smithy)\//, ['blob']],
  [/^(level|classic-level|abstract-level)$/, ['base']],
]

/** What reads time, chance or the disk by itself, and the only files that may. */
const parameters: readonly (readonly [pattern: RegExp, allowed: RegExp])[] = [
  [/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, /^base\/clock\.ts$/],
  [/\bset(Timeout|Interval)\(|\bAbortSignal\.timeout\(/, /^base\/clock\.ts$/],
  [/\bMath\.random\(|\brandom(Bytes|Fill|FillSync|UUID|Int)\(/, /^base\/random\.ts$/],
  // Bytes that count as hashed without hashing them: only what a thread of ours has hashed.
  [/\bhashedBytes\(/, /^(blob\/receive|files\/store-content)\.ts$/],
  // The user's own trees are files' business; a terminal and a socket are not state.
  [/from 'node:fs(\/promises)?'/, /^(base\/node-files\.ts|files\/|cli\/)/],
]

const source = join(import.meta.dirname, '..', 'src')

function typescriptFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => relative(source, join(entry.parentPath, entry.name)))
    .sort()
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(match => match[1] ?? '')
}

const files = typescriptFiles(source)

test('the tree is there to be looked at', () => {
  assert.ok(files.length > 20, `only ${files.length} files found`)
})

test('folders import only the folders that the table allows', () => {
  const wrong: string[] = []
  for (const file of files.filter(name => name !== 'peerkeep.ts')) {
    const folder = file.split('/')[0] ?? ''
    const allowed = mayImport[folder]
    assert.ok(allowed !== undefined, `${file}: ${folder} is not a folder of the table`)
    for (const target of importsOf(readFileSync(join(source, file), 'utf8'))) {
      if (!target.startsWith('.')) continue
      const imported = join(file, '..', target).split('/')[0] ?? ''
      if (imported !== folder && !allowed.includes(imported))
        wrong.push(`${file} imports ${imported}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('packages are imported only where they belong', () => {
  const wrong: string[] = []
  for (const file of files) {
    const folder = file.split('/')[0] ?? ''
    for (const target of importsOf(readFileSync(join(source, file), 'utf8'))) {
      for (const [pattern, folders] of packageHomes) {
        if (pattern.test(target) && !folders.includes(folder))
          wrong.push(`${file} imports ${target}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('time, chance and disk are parameters', () => {
  const wrong: string[] = []
  for (const file of files) {
    const text = readFileSync(join(source, file), 'utf8')
    for (const [pattern, allowed] of parameters) {
      const found = pattern.exec(text)
      if (found && !allowed.test(file)) wrong.push(`${file}: ${found[0]}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('nothing lies directly in src but the public API', () => {
  assert.deepEqual(
    files.filter(file => !file.includes('/')),
    ['peerkeep.ts'].filter(file => files.includes(file)),
  )
})
