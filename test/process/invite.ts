import { once } from 'node:events'

import { start } from './peerkeep-process.ts'

/** Starts `peerkeep pair --yes` on a running node, and answers the ticket and what it ends with. */
export async function invite(
  home: string,
): Promise<{ ticket: string; ended: Promise<number | null> }> {
  const child = start(home, ['pair', '--yes'])
  const ended = once(child, 'close').then(([code]) => code as number | null)
  let text = ''
  child.stdout?.setEncoding('utf8')
  const ticket = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: string) => {
      text += chunk
      const found = /^peerkeep1\S+$/m.exec(text)?.[0]
      if (found !== undefined && text.includes('\n')) resolve(found)
    })
    child.once('close', code => reject(new Error(`pair ended with ${code}: ${text}`)))
  })
  return { ticket, ended }
}
