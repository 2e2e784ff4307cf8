import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { isLoopback, openServer } from '../../../adapters/postgres/server.js'
import { sensitive } from '../../../domain/sensitive.js'

describe('PostgreSQL server', () => {
  it('is on this machine at a loopback address or a socket, and nowhere else', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '/var/run/postgresql'])
      expect(isLoopback(host), host).to.equal(true)
    for (const host of ['db.example', '10.0.0.1', '127.0.0.1.example', 'localhost.example', '::2', ''])
      expect(isLoopback(host), host).to.equal(false)
  })

  it('is asked for TLS before anything else when it is on another machine', async () => {
    const first = new Promise<Buffer>((heard) => {
      const server = createServer((socket) =>
        socket.once('data', (bytes) => {
          heard(bytes)
          socket.destroy()
          server.close()
        }),
      )
      server.listen(0, '127.0.0.1', () => {
        // 0x7f000001 is 127.0.0.1 to the system and another machine to the rule.
        const { port } = server.address() as AddressInfo
        const knex = openServer(
          { host: '0x7f000001', port, database: 'pixl', user: 'pixl', password: sensitive('secret') },
          1,
        )
        knex
          .raw('select 1')
          .catch(() => undefined)
          .finally(() => void knex.destroy())
      })
    })
    // SSLRequest: length 8, code 80877103 (PostgreSQL frontend/backend protocol).
    expect((await first).toString('hex')).to.equal('0000000804d2162f')
  })
})
