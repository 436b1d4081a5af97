import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { inParallel, openStoreAt } from './store-in-process.ts'

/** Opens the store in a directory and reads one blob; with `put-and-hang` puts 10,000 more and waits to be killed. */
const [directory = '', task] = process.argv.slice(2)
const { store, close } = await openStoreAt(directory)
if ((await store.fetch(refOf(Buffer.from('blob 7')))) === undefined)
  throw new Error('the store is empty')
if (task === undefined) {
  await close()
} else {
  const door = openDoor(store, () => undefined)
  await inParallel(1000, 10_000, at => door.receive(Buffer.from(`late ${at}`)))
  process.stdout.write('put\n')
  setInterval(() => undefined, 1000)
}
