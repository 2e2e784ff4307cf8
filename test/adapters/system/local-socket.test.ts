import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { answerLocally, askLocally } from '../../../adapters/system/local-socket.js'
import { expectNoNewHandle } from '../../contract/handles.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'

const refusalOf = (asking: Promise<unknown>): Promise<string> =>
  asking.then(
    () => 'answered',
    (caught: Error) => caught.message,
  )

describe('local socket', () => {
  let path: string
  let asked: Array<unknown>
  const closes: Array<() => Promise<void>> = []
  const answering = async (
    answer: (question: unknown) => Promise<unknown>,
    at = path,
  ): Promise<() => Promise<void>> => {
    const stop = await answerLocally(at, (question) => {
      asked.push(question)
      return answer(question)
    })
    closes.push(stop)
    return stop
  }
  const echo = (question: unknown): Promise<unknown> => Promise.resolve({ question })
  /** What the answering side sends to a caller that writes this. */
  const answerTo = async (written: string): Promise<string> => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    socket.on('error', () => undefined)
    const closed = once(socket, 'close')
    socket.write(written)
    await closed
    return text
  }

  beforeEach(async () => {
    path = join(await temporaryDirectory(), 'socket')
    asked = []
  })
  afterEach(async () => {
    for (const close of closes.splice(0)) await close()
    await removeTemporaryDirectories()
  })

  it('answers several callers at once, each its own question', async () => {
    await answering(echo)
    const questions = ['a', { b: 'ü\n' }, [1, null]]
    expect(await Promise.all(questions.map((question) => askLocally(path, question)))).to.deep.equal(
      questions.map((question) => ({ question })),
    )
  })

  it('lets nobody but the owner ask, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      await answering(echo)
    } finally {
      process.umask(before)
    }
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
  })

  it('hangs up on a question that is no JSON, is not one line, or never ends, and answers the next', async () => {
    await answering(echo)
    for (const text of ['garbage\n', '{"a": 1\n', '\u0000\u0001\n', '1\n2\n', 'x'.repeat(100_000)])
      expect(await answerTo(text), text.slice(0, 10)).to.equal('')
    expect(asked).to.deep.equal([])
    expect(await askLocally(path, 1)).to.deep.equal({ question: 1 })
  })

  it('hangs up when the answer fails or is none, and answers the next', async () => {
    await answering((question) =>
      question === 'fail' ? Promise.reject(new Error('secret')) : Promise.resolve(question === 'none' ? undefined : 1),
    )
    expect(await refusalOf(askLocally(path, 'fail'))).to.equal('no answer')
    expect(await refusalOf(askLocally(path, 'none'))).to.not.equal('answered')
    expect(await askLocally(path, 'ok')).to.equal(1)
  })

  it('outlives callers that leave before they asked, in the middle and before the answer', async () => {
    let answer: (value: unknown) => void = () => undefined
    await answering((question) => (question === 'late' ? new Promise((done) => (answer = done)) : echo(question)))
    for (const text of ['', '"hal', '"late"\n']) {
      const socket = connect(path)
      await once(socket, 'connect')
      await new Promise((written) => socket.write(text, written))
      socket.destroy()
      await once(socket, 'close')
    }
    while (asked.length === 0) await new Promise(setImmediate)
    answer('too late')
    expect(await askLocally(path, 1)).to.deep.equal({ question: 1 })
  })

  it('refuses where nobody answers, where the socket is left over, and where it is a file', async () => {
    expect(await refusalOf(askLocally(path, 1))).to.contain('ENOENT')
    leaveSocket(path)
    expect(await refusalOf(askLocally(path, 1))).to.contain('ECONNREFUSED')
    await writeFile(`${path}-file`, '')
    expect(await refusalOf(askLocally(`${path}-file`, 1))).to.not.equal('answered')
  })

  it('takes the place of a socket a killed process left', async () => {
    leaveSocket(path)
    await answering(echo)
    expect(await askLocally(path, 1)).to.deep.equal({ question: 1 })
  })

  it('refuses an answer that is no JSON or breaks off', async () => {
    for (const said of ['garbage\n', '{"half": ', '']) {
      const other: Server = createServer((socket: Socket) =>
        socket
          .on('error', () => undefined)
          .resume()
          .end(said),
      )
      const place = `${path}-${said.length}`
      await new Promise<void>((done) => other.listen(place, done))
      expect(await refusalOf(askLocally(place, 1)), said).to.not.equal('answered')
      await new Promise((done) => other.close(done))
    }
  })

  it('answers nobody, and asks nobody, where the path is too long for a socket', async () => {
    const long = join(path, 'x'.repeat(120))
    await answering(echo, long)
    expect(await refusalOf(askLocally(long, 1))).to.equal('the path of the socket is too long')
  })

  it('stops at once, though callers are connected and wait, and leaves nothing', async () => {
    await expectNoNewHandle(async () => {
      const stop = await answering(() => new Promise(() => undefined))
      const idle = connect(path)
      idle.on('error', () => undefined)
      await once(idle, 'connect')
      const asking = refusalOf(askLocally(path, 1))
      while (asked.length === 0) await new Promise(setImmediate)
      await stop()
      expect(await asking).to.equal('no answer')
      if (!idle.closed) await once(idle, 'close')
    })
    expect(await stat(path).catch(() => null)).to.equal(null)
  })
})

/** The file of a socket whose process was killed. */
const leaveSocket = (path: string): void => {
  const code = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', code, path])
}
