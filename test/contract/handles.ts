import { readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'

const passing = new Set(['Timeout', 'Immediate', 'TickObject', 'TTYWrap', 'PipeWrap', 'CloseReq', 'FSReqPromise'])

/** What keeps a process busy, and how many descriptors it has where the system tells. */
const openHandles = async (): Promise<number> => {
  const active = process.getActiveResourcesInfo().filter((kind) => !passing.has(kind)).length
  const descriptors = await readdir('/proc/self/fd').catch(() => [])
  return active + descriptors.length
}

/** Shows that some work, the closing of the adapter included, leaves nothing open. */
export const expectNoNewHandle = async (work: () => Promise<unknown>): Promise<void> => {
  const before = await openHandles()
  await work()
  // The kernel closes sockets and files a moment after the promise says so.
  for (let turn = 0; turn < 50 && (await openHandles()) > before; turn++) await wait(20)
  expect(await openHandles(), 'open handles').to.be.at.most(before)
}

/** Gives work that began before its task was run the time to show: there is nothing else to wait for. */
export const letStrayWorkShow = (): Promise<void> => wait(30)
