import { readFileSync } from 'node:fs'

/** Of the package, which lies at the same place from the sources and from what is built. */
export function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
