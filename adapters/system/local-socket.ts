import { chmod, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { relative, resolve } from 'node:path'

/** Longest path of a Unix socket that every system accepts. */
const longestPath = 100
const longestQuestion = 64 * 1024
const answerWithinMs = 120_000

/** The shortest way to name a socket file; null when even that is too long for a socket. */
const shortPath = (path: string): string | null => {
  const shorter = [resolve(path), relative(process.cwd(), path)].sort((a, b) => a.length - b.length)[0]!
  return Buffer.byteLength(shorter) <= longestPath ? shorter : null
}

/**
 * Answers questions of other processes on this machine: one JSON text each way, ended by a line break. Only the owner
 * of the socket can ask. Gives how to stop, which hangs up on whoever still asks; where the path is too long for a
 * socket nobody can ask.
 */
export const answerLocally = async (
  path: string,
  answer: (question: unknown) => Promise<unknown>,
): Promise<() => Promise<void>> => {
  const name = shortPath(path)
  if (name === null) return () => Promise.resolve()
  await rm(path, { force: true })
  const callers = new Set<Socket>()
  const server = createServer((socket) => {
    callers.add(socket)
    socket.on('close', () => callers.delete(socket))
    socket.on('error', () => socket.destroy())
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > longestQuestion) socket.destroy()
      else if (text.includes('\n')) {
        socket.pause()
        respond(socket, text).catch(() => socket.destroy())
      }
    })
  })
  const respond = async (socket: Socket, question: string): Promise<void> => {
    socket.end(`${JSON.stringify(await answer(JSON.parse(question)))}\n`)
  }
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(name, () => done())
  })
  // A caller that cannot be taken is told by the system; the work goes on.
  server.on('error', () => undefined)
  server.unref()
  await chmod(path, 0o600)
  return async () => {
    const closed = new Promise((done) => server.close(done))
    for (const socket of callers) socket.destroy()
    await closed
    await rm(path, { force: true })
  }
}

/** Asks the process that answers at a socket; rejects when nobody does, or not with JSON. */
export const askLocally = async (path: string, question: unknown): Promise<unknown> => {
  const name = shortPath(path)
  if (name === null) throw new Error('the path of the socket is too long')
  const text = await new Promise<string>((done, failed) => {
    const socket = connect(name, () => socket.write(`${JSON.stringify(question)}\n`))
    let answer = ''
    socket.setEncoding('utf8')
    socket.setTimeout(answerWithinMs, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.on('error', failed)
    socket.on('close', () => (answer.endsWith('\n') ? done(answer) : failed(new Error('no answer'))))
  })
  return JSON.parse(text) as unknown
}
