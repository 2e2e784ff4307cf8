import { rm } from 'node:fs/promises'
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
 * Answers questions of other processes on this machine: one JSON text each way, ended by a line break. Only who may
 * enter the directory can ask. Gives how to stop; where the path is too long for a socket nobody can ask.
 */
export const answerLocally = async (
  path: string,
  answer: (question: unknown) => Promise<unknown>,
): Promise<() => Promise<void>> => {
  const name = shortPath(path)
  if (name === null) return () => Promise.resolve()
  await rm(path, { force: true })
  const server = createServer((socket) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > longestQuestion) socket.destroy()
      if (!text.includes('\n')) return
      socket.pause()
      const respond = async (): Promise<void> => {
        socket.end(`${JSON.stringify(await answer(JSON.parse(text)))}\n`)
      }
      respond().catch(() => socket.destroy())
    })
  })
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(name, () => done())
  })
  server.unref()
  return async () => {
    await new Promise((done) => server.close(done))
    await rm(path, { force: true })
  }
}

/** Asks the process that answers at a socket; rejects when nobody does. */
export const askLocally = (path: string, question: unknown): Promise<unknown> =>
  new Promise((done, failed) => {
    const name = shortPath(path)
    if (name === null) {
      failed(new Error('the path of the socket is too long'))
      return
    }
    const socket = connect(name, () => socket.write(`${JSON.stringify(question)}\n`))
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(answerWithinMs, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('error', failed)
    socket.on('close', () => (text.endsWith('\n') ? done(JSON.parse(text)) : failed(new Error('no answer'))))
  })
