import { createInterface } from 'node:readline'
import type { Lock } from '../../../adapters/system/state-lock.js'
import { lockDirectory } from '../../../adapters/system/state-lock.js'

/** A process that locks and releases the directory of each line it is sent: `lock DIR`, `release`. */
let lock: Lock | undefined
const obey = async (line: string): Promise<string> => {
  if (line.startsWith('lock ')) {
    lock = await lockDirectory(line.slice('lock '.length))
    return lock._tag
  }
  if (lock?._tag === 'Locked') await lock.release()
  return 'released'
}
for await (const line of createInterface(process.stdin)) process.stdout.write(`${await obey(line)}\n`)
