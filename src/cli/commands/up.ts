import { hostname } from 'node:os'

import { PeerkeepError } from '../../base/errors.ts'
import type { CommandHost } from '../command-host.ts'
import { showWords } from './init.ts'

interface UpOptions {
  readonly http?: string
  readonly listen?: readonly string[]
}

export function defineUp(host: CommandHost): void {
  host.program
    .command('up')
    .summary('run the node')
    .description(
      `Runs this device's node until it is stopped: it keeps itself equal with the paired devices, and serves
the status page. Prints its addresses, then 'ready'. A home without an owner gets one here, at a terminal.`,
    )
    .option(
      '--http <host:port>',
      'address of the status page (default 127.0.0.1:3179; port 0 takes a free one)',
    )
    .option(
      '--listen <multiaddr...>',
      'addresses for other devices (default /ip4/0.0.0.0/tcp/3180)',
    )
    .action(async (options: UpOptions) => {
      const io = host.cli()
      const local = await import('../local-node.ts')
      if (!(await local.hasOwner(host.home()))) await makeOwner(host)
      const { runNode } = await import('../run-node.ts')
      const running = await runNode(host.home(), {
        http: options.http,
        listen: options.listen,
        isVerbose: host.isVerbose(),
      })
      if (running.warning !== undefined) io.terminal.warn(running.warning)
      try {
        await io.print(
          { http: running.http, listen: running.listen, device: running.device },
          () => [
            `device: ${running.device}`,
            `status: ${running.http}/`,
            ...running.listen.map(address => `listening: ${address}`),
            ...(running.isEmpty
              ? [
                  "next: 'peerkeep backup DIR' stores a folder; 'peerkeep pair' invites another device",
                ]
              : []),
            'ready',
          ],
        )
        await untilAborted(host.signal)
      } finally {
        await running.close()
      }
    })
}

async function makeOwner(host: CommandHost): Promise<void> {
  const io = host.cli()
  const { createOwner } = await import('../local-node.ts')
  if (!io.terminal.isInteractive && host.env['npm_lifecycle_event'] !== 'start') {
    throw new PeerkeepError(
      'HOME_MISSING',
      `${host.home().directory} has no owner yet. 'peerkeep init' makes a new one; 'peerkeep join TICKET' makes this a device of an owner you have.`,
    )
  }
  const made = await createOwner(host.home(), {
    name: hostname(),
    wordsFile: undefined,
    store: undefined,
  })
  if (made.words !== undefined) await showWords(io, made.words)
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
