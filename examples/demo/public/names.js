// A name for who has not chosen one: somebody who lives at the water.

const NAMES = ['Otter', 'Heron', 'Pike', 'Kingfisher', 'Beaver', 'Eel', 'Swan', 'Newt', 'Trout', 'Dipper', 'Perch']

export function randomName() {
  const name = NAMES[Math.floor(Math.random() * NAMES.length)]
  return `${name} ${10 + Math.floor(Math.random() * 90)}`
}
