import { expect } from 'chai'
import fc from 'fast-check'
import { known, ProjectSlug, PseudoPatientId, PseudoStudyUid, uidPattern } from '../../domain/identifiers.js'
import type { PseudonymKeys } from '../../domain/pseudonyms.js'
import {
  correlationIdOf,
  pseudonymsFor,
  pseudoPatientIdOf,
  pseudoStudyUidOf,
  pseudoUid,
  secureHash,
  studyKeyOf,
} from '../../domain/pseudonyms.js'
import type { Mrn, Secret, StudyInstanceUid } from '../../domain/sensitive.js'
import { sensitive } from '../../domain/sensitive.js'

const secret = (text: string): Secret => sensitive<'Secret'>(text)
const slug = (text: string): ProjectSlug => known(ProjectSlug, text)
const study = (uid: string): StudyInstanceUid => sensitive<'StudyInstanceUid'>(uid)
const mrn = (text: string): Mrn => sensitive<'Mrn'>(text)
const keysOf = (key: string, projectSalt = '', localSalt = ''): PseudonymKeys => ({
  installationKey: secret(key),
  projectSalt: secret(projectSalt),
  localSalt: secret(localSalt),
})

const key = fc.string({ minLength: 1, maxLength: 80 }).map(secret)
const uid = fc
  .array(fc.integer({ min: 0, max: 99999 }), { minLength: 1, maxLength: 9 })
  .map((parts) => ['1', ...parts].join('.'))
const project = fc
  .stringMatching(/^[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}$/)
  .filter((text) => ProjectSlug.is(text))
  .map(slug)

describe('pseudonyms', () => {
  it('are valid UIDs of the root 2.25 with the decimal value of a UUID', () =>
    fc.assert(
      fc.property(key, project, uid, (k, p, original) => {
        const pseudonym = pseudoUid(k, p, original)
        expect(pseudonym).to.match(uidPattern)
        expect(pseudonym).to.match(/^2\.25\./)
        const uuid = BigInt(pseudonym.slice('2.25.'.length)).toString(16).padStart(32, '0')
        expect(uuid).to.match(/^[0-9a-f]{12}8[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
      }),
    ))

  it('depend on key, project and original alone', () =>
    fc.assert(
      fc.property(key, project, uid, (k, p, original) => {
        const again = secret(k.reveal())
        expect(pseudoUid(again, p, original)).to.equal(pseudoUid(k, p, original))
        expect(pseudoPatientIdOf(again, p, mrn(original))).to.equal(pseudoPatientIdOf(k, p, mrn(original)))
        expect(studyKeyOf(again, p, study(original))).to.equal(studyKeyOf(k, p, study(original)))
        expect(correlationIdOf(again, p, original)).to.equal(correlationIdOf(k, p, original))
      }),
    ))

  it('are never shared by two projects, two keys or two originals', () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(key, project, uid), {
          selector: ([k, p, u]) => `${k.reveal()}\0${p}\0${u}`,
          minLength: 2,
        }),
        (all) => {
          expect(new Set(all.map(([k, p, u]) => pseudoUid(k, p, u))).size).to.equal(all.length)
          expect(new Set(all.map(([k, p, u]) => pseudoPatientIdOf(k, p, mrn(u)))).size).to.equal(all.length)
          expect(new Set(all.map(([k, p, u]) => studyKeyOf(k, p, study(u)))).size).to.equal(all.length)
        },
      ),
    ))

  it('keep project and original apart, so that a-b with c is not a with b-c', () => {
    const k = secret('key')
    expect(pseudoUid(k, slug('a'), 'b-c')).to.not.equal(pseudoUid(k, slug('a-b'), 'c'))
  })

  it('of different purposes share nothing although the original is the same text', () => {
    const k = secret('key')
    const names = [
      studyKeyOf(k, slug('a'), study('1.2')).slice(0, 16),
      pseudoPatientIdOf(k, slug('a'), mrn('1.2')).slice(0, 16),
      correlationIdOf(k, slug('a'), '1.2'),
    ]
    expect(new Set(names).size).to.equal(3)
  })

  it('of one study come with the recorded names, and every other UID with a derived one', () => {
    const names = pseudonymsFor(keysOf('key', 'salt'), slug('a'), study('1.2.3'), {
      pseudoStudyUid: known(PseudoStudyUid, '2.25.1'),
      pseudoPatientId: known(PseudoPatientId, 'patient'),
    })
    expect(names.pseudoUid('1.2.3')).to.equal('2.25.1')
    expect(names.pseudoUid('1.2.4')).to.equal(pseudoUid(secret('key'), slug('a'), '1.2.4'))
    expect(names.secureHash('x')).to.equal(secureHash(keysOf('key', 'salt'), 'x'))
  })

  it('keep their values from release to release', () => {
    expect(pseudoStudyUidOf(secret('key'), slug('my-project'), study('1.2.3'))).to.equal(
      '2.25.327143917852766252601432420106370628497',
    )
    expect(pseudoPatientIdOf(secret('key'), slug('my-project'), mrn('123456'))).to.equal(
      '864a1cd924f4a976033a2a51e1ddea45',
    )
  })

  it('are not made with an empty key', () => {
    expect(() => pseudoUid(secret(''), slug('a'), '1.2')).to.throw('the installation key is empty')
    expect(() => secureHash(keysOf(''), 'x')).to.throw('the installation key is empty')
  })
})

describe('secure hash', () => {
  // hashlib.blake2b((value + project_salt + local_salt).encode(), key=key.encode(), digest_size=32).hexdigest()
  const vectors: ReadonlyArray<readonly [key: string, value: string, project: string, local: string, hash: string]> = [
    ['key', '123456', '0123456789abcdef', '', '4c3f147ae43cd519af5b9ded884cc5b661370e3dd26bbaf48db75057d0af3fdd'],
    ['key', '123456', '0123456789abcdef', 'local', 'b8862eb9b61f0333863652b4b631658a4502073974e98c4469ea5fd2034f2447'],
    ['k'.repeat(64), '', '', '', '01d9f028dfd63460be4077fda7c37ba372ee7bc72c8dd7be604f5c7ea7717dce'],
    ["clé de l'hôpital", 'Ünï東', 'aa', 'bb', 'c4d9b8e6caac7a31c32a8dd13ce0bd0e6e89c892347af78bbf303eadf15b987b'],
    ['key', 'a'.repeat(300), 's', 't', '531fd4f3c86f2f1da1e5d65ff4eb0c8fa5f6ad318054f3c67094e1d07bae4193'],
  ]
  vectors.forEach(([k, value, projectSalt, localSalt, hash], i) => {
    it(`equals Python's, vector ${i + 1}`, () =>
      expect(secureHash(keysOf(k, projectSalt, localSalt), value)).to.equal(hash))
  })

  it('uses the BLAKE2b-512 of a key longer than 64 bytes, which Python refuses', () =>
    expect(secureHash(keysOf('k'.repeat(65), 'a', 'b'), '123456')).to.equal(
      '910bf339cef4766fffb48010a25d9f3ba38bad3339213f7bf63fc3cf06dff6d3',
    ))
})
