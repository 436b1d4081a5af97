import { formatTime } from '../../schema/time.ts'
import { optionalText } from '../arguments.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'
import { backupName, resolveBackup } from '../target.ts'

/** Lists the snapshots of one backup or of all, oldest first: `{ backup? }`. */
export const snapshotsOperation: Operation<Node> = {
  name: 'snapshots',
  async run({ index }, args, { emit }) {
    const name = optionalText(args, 'backup')
    const backups =
      name === undefined
        ? await Array.fromAsync(index.backups())
        : [await resolveBackup(index, name)]
    let count = 0
    for (const backup of backups) {
      for await (const { date, content, claim } of index.snapshots(backup.permanode)) {
        const value = {
          date: formatTime(date),
          backup: backupName(index, backup),
          snapshot: content,
          claim,
          permanode: backup.permanode,
        }
        await emit({ type: 'item', value })
        count += 1
      }
    }
    return { count }
  },
}
