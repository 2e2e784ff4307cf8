import type { Planter } from './markers.js'
import type { Random } from './random.js'

/** A made-up patient; every field but the sex is planted. */
export interface Patient {
  readonly mrn: string
  readonly family: string
  readonly given: string
  /** PatientName (0010,0010) in the character set of the patient's images. */
  readonly nameBytes: Uint8Array
  /** SpecificCharacterSet (0008,0005); '' = the default repertoire. */
  readonly characterSet: string
  readonly birthDate: string
  readonly sex: 'F' | 'M'
  readonly address: string
  readonly telephone: string
}

/** How a patient's name is written. */
export type Script = 'ascii' | 'latin1' | 'utf8' | 'japanese' | 'chinese'

const syllables = 'zorv quil maxt drenn thow pelv yst wyck jorn fazz glim brux kevv omby'.split(' ')

/** A word that no log, file or library contains by chance. */
export const oddWord = (random: Random): string => {
  const word = Array.from({ length: 3 }, () => random.pick(syllables)).join('')
  return word[0]!.toUpperCase() + word.slice(1)
}

const escape = '\x1b'
/** The name 山田^太郎 in ISO 2022 IR 87 (PS3.5 annex H.3.1). */
const japanese = `${escape}$B;3ED${escape}(B^${escape}$BB@O:${escape}(B`
/** The name 王^小东 in GB18030 (PS3.5 annex J.3). */
const chinese = '\xcd\xf5^\xd0\xa1\xb6\xab'

const written = (script: Script, romanised: string): { characterSet: string; name: string; utf8: string | null } => {
  switch (script) {
    case 'ascii':
      return { characterSet: '', name: romanised, utf8: null }
    case 'latin1':
      return { characterSet: 'ISO_IR 100', name: romanised, utf8: romanised }
    case 'utf8':
      return { characterSet: 'ISO_IR 192', name: Buffer.from(romanised).toString('latin1'), utf8: romanised }
    case 'japanese':
      return { characterSet: '\\ISO 2022 IR 87', name: `${romanised}=${japanese}`, utf8: '山田^太郎' }
    case 'chinese':
      return { characterSet: 'GB18030', name: `${romanised}=${chinese}`, utf8: '王^小东' }
  }
}

const accents: Readonly<Record<Script, string>> = { ascii: '', latin1: 'ü', utf8: 'ő', japanese: '', chinese: '' }

const pad = (value: number): string => String(value).padStart(2, '0')

/** Makes up patient number `index`, and plants what identifies them. */
export const makePatient = (index: number, script: Script, random: Random, { plant }: Planter): Patient => {
  const label = (what: string): string => `patient ${index} ${what}`
  const family = plant(label('family name'), oddWord(random) + accents[script])
  const given = plant(label('given name'), oddWord(random))
  const { characterSet, name, utf8 } = written(script, `${family}^${given}`)
  plant(label('name as stored'), name, 'latin1')
  if (script === 'latin1') plant(label('family name as stored'), family, 'latin1')
  if (utf8 !== null) plant(label('name in Unicode'), utf8)
  const [year, month, day] = [1930 + random.below(60), pad(1 + random.below(12)), pad(1 + random.below(28))]
  plant(label('birth date, ISO'), `${year}-${month}-${day}`)
  return {
    mrn: plant(label('MRN'), `RZ${random.digits(3)}Q${String(index).padStart(5, '0')}`),
    family,
    given,
    nameBytes: Buffer.from(name, 'latin1'),
    characterSet,
    birthDate: plant(label('birth date'), `${year}${month}${day}`),
    sex: random.pick(['F', 'M'] as const),
    address: plant(label('address'), `${1 + random.below(99)} ${oddWord(random)} Street`),
    telephone: plant(label('telephone'), `+44 ${random.digits(5)} ${random.digits(6)}`),
  }
}
