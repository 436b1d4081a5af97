import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * `npm run bench [QUESTION …]`: answers the named questions, or all, each with one JSON line.
 * README.md beside this file says how to read them.
 */
interface Question {
  answer(): Promise<Readonly<Record<string, unknown>>>
}

const directory = join(import.meta.dirname, 'questions')
const all = readdirSync(directory).map(file => file.replace(/\.ts$/, ''))
const asked = process.argv.length > 2 ? process.argv.slice(2) : all.toSorted()
const unknown = asked.filter(name => !all.includes(name))
if (unknown.length > 0) {
  console.error(`no question ${unknown.join(', ')}; there are ${all.join(', ')}`)
  process.exitCode = 2
} else {
  for (const name of asked) {
    const question = (await import(join(directory, `${name}.ts`))) as Question
    console.log(JSON.stringify({ question: name, ...(await question.answer()) }))
  }
}
