package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// selfSignedLife is short enough for every browser to accept it (they refuse
// certificates of more than 825 days).
const selfSignedLife = 397 * 24 * time.Hour

// selfSigned gives the certificate of `--tls self`, made at the first start
// and kept in the data directory, so that a browser has to be convinced once.
func selfSigned(dir string, addresses []net.IP, now time.Time) (tls.Certificate, error) {
	certFile, keyFile := filepath.Join(dir, "self-cert.pem"), filepath.Join(dir, "self-key.pem")
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil && covers(certificate.Leaf, addresses, now) {
		return certificate, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, fmt.Errorf("the certificate in %s cannot be read: %w; delete it to have a new one made", dir, err)
	}
	certPEM, keyPEM, err := makeSelfSigned(addresses, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := os.WriteFile(keyFile, keyPEM, 0o600); err != nil {
		return tls.Certificate{}, fmt.Errorf("the certificate's key cannot be kept: %w", err)
	}
	if err := os.WriteFile(certFile, certPEM, 0o600); err != nil {
		return tls.Certificate{}, fmt.Errorf("the certificate cannot be kept: %w", err)
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// covers says whether the certificate is good for all addresses for a day more.
func covers(leaf *x509.Certificate, addresses []net.IP, now time.Time) bool {
	if leaf == nil || leaf.NotAfter.Before(now.Add(24*time.Hour)) {
		return false
	}
	for _, ip := range addresses {
		if leaf.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}

func makeSelfSigned(addresses []net.IP, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	host, _ := os.Hostname()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Tertulia on " + host},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(selfSignedLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           addresses,
	}
	if host != "" && host != "localhost" {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	return certPEM, keyPEM, nil
}
