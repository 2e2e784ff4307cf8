import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import { inspect } from 'node:util'
import { describeError, isTransient } from '../../domain/errors.js'
import type { SecretError } from '../../domain/errors.js'
import { known, SecretName } from '../../domain/identifiers.js'
import type { Secret } from '../../domain/sensitive.js'
import { sensitive } from '../../domain/sensitive.js'
import type { SecretStore } from '../../ports/secret-store.js'
import type { Clause, Harness } from './contract.js'
import { expectNoNewHandle, letStrayWorkShow } from './handles.js'

/** A secret store and hands that reach behind it. */
export interface SecretStoreHarness extends Harness {
  readonly store: SecretStore
  /** Whether the store can make secrets. */
  readonly writable: boolean
  /** Stores a secret, not through the port. */
  readonly put: (name: SecretName, value: string) => Promise<void>
  /** Takes away the right to read a secret that is there; null where a technology knows no rights. */
  readonly forbid: ((name: SecretName) => Promise<void>) | null
  /** Makes the store unable to answer; null for one that is always there. */
  readonly stopStore: (() => Promise<void>) | null
}

const name = known(SecretName, 'my-project--ftp--password')
const other = known(SecretName, 'my-project--ftp--user')
const marker = 'planted-secret-marker'
const planted = (): Secret => sensitive<'Secret'>(marker)

const awkwardValues = [
  'plain',
  ' spaces at both ends ',
  'quotes \' " ` $HOME \\n %s & = # ;',
  'Zoë, пароль, 秘密, 🔑',
  '-----BEGIN KEY-----\nbGluZQ==\r\n-----END KEY-----',
  'x'.repeat(4096),
  '',
]

const expectSecret = (result: E.Either<unknown, Secret>, value: string): void => {
  expect(result, 'an answer other than the secret').to.have.property('_tag', 'Right')
  if (E.isRight(result)) expect(result.right.reveal()).to.equal(value)
}
const expectError = (result: E.Either<SecretError, Secret>, tag: SecretError['_tag']): SecretError => {
  if (E.isRight(result)) throw new Error(`a secret instead of ${tag}`)
  expect(result.left._tag).to.equal(tag)
  return result.left
}

/** What every {@link SecretStore} keeps to. */
export const secretStoreContract: ReadonlyArray<Clause<SecretStoreHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async ({ store, put }) => {
      let made = 0
      const reading = store.read(name)
      const making = store.createIfAbsent(name, () => {
        made += 1
        return planted()
      })
      await letStrayWorkShow()
      await put(name, 'put later')
      expectSecret(await reading(), 'put later')
      expectSecret(await making(), 'put later')
      expect(made).to.equal(0)
    },
  },
  {
    title: 'gives a secret exactly as it was stored',
    run: async ({ store, put }) => {
      for (const value of awkwardValues) {
        await put(name, value)
        expectSecret(await store.read(name)(), value)
      }
    },
  },
  {
    title: 'gives a secret as it is now when it was changed',
    run: async ({ store, put }) => {
      await put(name, 'old')
      await store.read(name)()
      await put(name, 'new')
      expectSecret(await store.read(name)(), 'new')
    },
  },
  {
    title: 'keeps secrets of different names apart',
    run: async ({ store, put }) => {
      const names = ['a-b', 'a--b', 'a-b-c', 'a'].map((text) => known(SecretName, text))
      for (const each of names) await put(each, `value of ${each}`)
      for (const each of names) expectSecret(await store.read(each)(), `value of ${each}`)
    },
  },
  {
    title: 'answers SecretNotFound with the name for a secret that is absent',
    run: async ({ store, put }) => {
      await put(other, 'another')
      const missing = ['my-project--ftp--password', 'constructor', 'x'.repeat(127)].map((text) =>
        known(SecretName, text),
      )
      for (const secret of missing)
        expect(await store.read(secret)()).to.deep.equal(E.left({ _tag: 'SecretNotFound', secret }))
    },
  },
  {
    title: 'answers SecretAccessDenied with the name for a secret that may not be read, and makes no other',
    appliesTo: ({ forbid }) => forbid !== null,
    run: async ({ store, put, forbid }) => {
      await put(name, marker)
      await forbid!(name)
      let made = 0
      const make = (): Secret => {
        made += 1
        return planted()
      }
      expect(await store.read(name)()).to.deep.equal(E.left({ _tag: 'SecretAccessDenied', secret: name }))
      expect(await store.createIfAbsent(name, make)()).to.deep.equal(
        E.left({ _tag: 'SecretAccessDenied', secret: name }),
      )
      expect(made).to.equal(0)
    },
  },
  {
    title: 'answers Unavailable, which is transient, when it cannot be reached, and makes no secret',
    appliesTo: ({ stopStore }) => stopStore !== null,
    run: async ({ store, put, stopStore }) => {
      await put(name, marker)
      await stopStore!()
      let made = 0
      const make = (): Secret => {
        made += 1
        return planted()
      }
      for (const task of [store.read(name), store.read(other), store.createIfAbsent(other, make)])
        expect(isTransient(expectError(await task(), 'Unavailable'))).to.equal(true)
      expect(made).to.equal(0)
    },
  },
  {
    title: 'shows no secret in a printed form, and none in an error',
    run: async ({ store, put, forbid, stopStore }) => {
      await put(name, marker)
      const shown: Array<unknown> = [await store.read(name)(), await store.createIfAbsent(name, planted)()]
      const failing = (): never => {
        throw new Error(marker)
      }
      shown.push(await store.createIfAbsent(other, failing)())
      await forbid?.(name)
      shown.push(await store.read(name)())
      await stopStore?.()
      shown.push(await store.read(name)(), await store.createIfAbsent(other, planted)())
      for (const result of shown as ReadonlyArray<E.Either<SecretError, Secret>>) {
        const texts = E.isLeft(result) ? [describeError(result.left)] : [String(result.right), `${result.right}`]
        texts.push(JSON.stringify(result), inspect(result, { depth: null, showHidden: true }))
        expect(texts.join('\n')).to.not.include(marker)
      }
    },
  },
  {
    title: 'gives the secret that is there and makes none in its place',
    run: async ({ store, put }) => {
      await put(name, 'there')
      expectSecret(await store.createIfAbsent(name, planted)(), 'there')
      expectSecret(await store.read(name)(), 'there')
    },
  },
  {
    title: 'denies making a secret that is absent when it is read-only',
    appliesTo: ({ writable }) => !writable,
    run: async ({ store }) => {
      expectError(await store.createIfAbsent(name, planted)(), 'SecretAccessDenied')
      expectError(await store.read(name)(), 'SecretNotFound')
    },
  },
  {
    title: 'makes a secret that is absent and keeps it exactly',
    appliesTo: ({ writable }) => writable,
    run: async ({ store }) => {
      for (const [i, value] of [...awkwardValues, 'ends in a line\n', 'ends in a return\r', '\r\n'].entries()) {
        const fresh = known(SecretName, `fresh-${i}`)
        expectSecret(await store.createIfAbsent(fresh, () => sensitive<'Secret'>(value))(), value)
        expectSecret(await store.read(fresh)(), value)
        expectSecret(await store.createIfAbsent(fresh, planted)(), value)
      }
    },
  },
  {
    title: 'gives one and the same secret to all who make it at once',
    appliesTo: ({ writable }) => writable,
    run: async ({ store }) => {
      const makers = Array.from({ length: 20 }, (_, i) =>
        store.createIfAbsent(name, () => sensitive<'Secret'>(`made by ${i}`))(),
      )
      const results = await Promise.all(makers)
      const values = results.map((result) => (E.isRight(result) ? result.right.reveal() : result.left._tag))
      expect([...new Set(values)]).to.have.length(1)
      expect(values[0]).to.match(/^made by /)
      expectSecret(await store.read(name)(), values[0]!)
    },
  },
  {
    title: 'never rejects, though the maker of a secret throws',
    appliesTo: ({ writable }) => writable,
    run: async ({ store }) => {
      const failing = (): never => {
        throw new Error('no randomness')
      }
      expectError(await store.createIfAbsent(name, failing)(), 'Unavailable')
      expectError(await store.read(name)(), 'SecretNotFound')
    },
  },
  {
    title: 'leaves nothing open behind its work',
    run: async ({ store, put }) =>
      expectNoNewHandle(async () => {
        await put(name, 'value')
        await store.read(name)()
        await store.read(other)()
        await store.createIfAbsent(other, planted)()
      }),
  },
]
