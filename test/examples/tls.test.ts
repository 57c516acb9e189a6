import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { selfSigned } from '../../examples/tls/certificate.js'
import { connect } from '../../lib/index.js'
import { runExample, serveExample } from '../support/example.js'

t.test('tls: the certificate is one for localhost, signed by its own key', async t => {
  const { cert } = selfSigned()
  const certificate = new X509Certificate(cert)
  t.ok(certificate.verify(certificate.publicKey))
  t.equal(certificate.checkHost('localhost'), 'localhost')
  t.equal(certificate.checkHost('example.com'), undefined)
  t.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1')
  t.ok(new Date(certificate.validFrom) < new Date() && new Date(certificate.validTo) > new Date())
})

t.test('tls: an echo over wss:', async t => {
  const path = join(t.testdir(), 'certificate.pem')
  const { url } = await serveExample(t, 'tls/server', { env: { CERTIFICATE: path } })
  t.match(url, /^wss:/)

  t.test('for the client that trusts its certificate', async t => {
    t.same(await runExample('tls/client', { args: [url, path] }), { code: 0, stdout: 'hello over TLS\n', stderr: '' })
  })

  t.test('and not for one that trusts nobody, or asked for another host', async t => {
    await t.rejects(connect(url), { code: 'WS_ERR_HANDSHAKE_ABORTED', cause: { code: /SELF_SIGNED/ } })
    const elsewhere = connect(url, { ca: readFileSync(path), servername: 'example.com' })
    await t.rejects(elsewhere, { cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } })
  })
})
