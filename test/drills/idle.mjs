// Opens the built application (idle.mjs DIST STATE IMAGES PROJECTS OUT), says so, and does nothing until it is ended:
// what it holds is what the application costs without any work. Plain JavaScript, since tsx would add to it.
const [dist, stateDirectory, images, projects, out] = process.argv.slice(2)

const { createEmbeddedApplication } = await import(dist)
const opened = await createEmbeddedApplication({ stateDirectory, images, projects, out })()
if (opened._tag === 'Left') throw new Error(opened.left._tag)
process.stdout.write('idle\n')
const wait = setInterval(() => undefined, 1000)
process.once('SIGTERM', async () => {
  clearInterval(wait)
  await opened.right.close()
})
