import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { writeProjects } from '../../../adapters/synthetic/projects.js'
import { makeYamlProjectCatalogue } from '../../../adapters/yaml/project-catalogue.js'
import { known, ProjectSlug } from '../../../domain/identifiers.js'
import { whyLeftOut } from '../../../domain/project.js'
import { actionsFor } from '../../../domain/tags.js'
import type { Grammar } from '../mutate.js'
import { mutateText } from '../mutate.js'
import type { Target } from '../target.js'
import { makeMarker, makeScratch, orViolation, promise, promiseError } from '../target.js'

const grammar: Grammar = {
  token: /"(?:[^"\\]|\\.)*"|[{}[\],:]|#.*|\n *|\s|[^\s"{}[\],:]+/g,
  dictionary: [
    ...[
      '&a',
      '*a',
      '&a [*a]',
      '!!binary',
      '!!python/object:os.system',
      '? ',
      '|',
      '>',
      '---\n',
      '...\n',
      '<<',
      '%YAML 1.1\n',
    ],
    ...[
      '0o17',
      '0x0010',
      '0x10000',
      '1_000',
      '1e3',
      '.inf',
      '.nan',
      '~',
      'null',
      'yes',
      'no',
      'on',
      '0777',
      '-1',
      '1.0',
      '16',
    ],
    ...[
      '\t',
      '\n',
      '\n  ',
      '\r',
      '\u2028',
      '\ufeff',
      '\u0000',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '"\\x00"',
      '"\\uD800"',
    ],
    ...[
      '"(a+)+$"',
      '"(a|a)*b"',
      '"(?i)^x"',
      '"[a-"',
      '"\\\\1(a)"',
      '"a{99999}"',
      '"(.*)*"',
      '"\\\\d+\\\\d+\\\\d+\\\\d+\\\\d+x"',
    ],
    ...[
      '"(?P<n>a)"',
      '"(x+x+)+y"',
      '".*.*.*.*=.*"',
      '"\\\\p{L}"',
      '"^(([a-z])+.)+[A-Z]([a-z])+$"',
      '"[^]"',
      '"(?<=a+)b"',
    ],
    ...[
      'keep',
      'delete',
      'replace',
      'replace_UID',
      'secure-hash',
      'name',
      'group',
      'element',
      'op',
      'manufacturer',
      'tags',
    ],
    ...[
      '__proto__',
      'constructor',
      'toString',
      'project',
      'destination',
      'dicom',
      'none',
      '["ftps", "ftps"]',
      '../../etc/passwd',
    ],
    ...['[&x [], *x, *x, *x]', '{a: &b {c: 1}, <<: *b}', '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[', '{a: {a: {a: {a: {a: '],
  ],
}

/** Texts an expensive pattern would take long over. */
const probes = ['a', 'x', '1', 'aA', 'northwind ', ' ', 'x='].map((text) => `${text.repeat(64 / text.length)}!`)

const slug = known(ProjectSlug, 'lung-nodules')

/** A target that mutates one file of a project. */
const catalogueOf = (name: string, file: string): Target => ({
  name,
  runs: 80,
  open: async () => {
    const directory = await makeScratch()
    await writeProjects(directory)
    const path = join(directory, file)
    const valid = await readFile(path, 'utf8')
    // A whole tag file has a hundred lines alike; a mutation should more often meet something else than the like.
    const short = valid.split('\n').slice(0, 12).join('\n')
    const catalogue = makeYamlProjectCatalogue({ directory, isKnownDestination: (to) => to !== 'tre' })
    return {
      make: (random) => {
        const marker = makeMarker(random)
        const planted = { ...grammar, dictionary: [...grammar.dictionary, marker, `"${marker}"`, `# ${marker}`] }
        return mutateText(random.below(4) === 0 ? valid : short, planted, random)
      },
      check: async (input) => {
        await writeFile(path, input)
        const answer = await orViolation('the catalogue', () => catalogue.find(slug)())
        if (E.isLeft(answer)) return promiseError(answer.left, 'InvalidInput')
        const { config, scheme } = answer.right
        promise(config.project.name === slug, 'a project has another name than its file')
        promise(config.tagOperationFiles.base.length > 0, 'a project without tag operations is accepted')
        for (const tag of scheme.base.keys()) promise(tag >= 0 && tag <= 0xffffffff, 'a tag is no tag')
        for (const probe of probes) {
          actionsFor(scheme, probe)
          whyLeftOut(config, {
            modality: config.project.modalities[0] ?? '',
            manufacturer: probe,
            seriesNumber: 1,
            seriesDescription: probe,
            sopClassUid: '',
            burnedInAnnotation: '',
            imageType: [],
            conversionType: '',
          })
        }
      },
      close: () => rm(directory, { recursive: true, force: true }),
    }
  },
})

/** The YAML files of a project. */
export const catalogues: ReadonlyArray<Target> = [
  catalogueOf('yaml-project', 'lung-nodules.yaml'),
  catalogueOf('yaml-tags', 'tag-operations/base.yaml'),
  catalogueOf('yaml-overrides', 'tag-operations/manufacturer-overrides/fabrikam.yaml'),
]
