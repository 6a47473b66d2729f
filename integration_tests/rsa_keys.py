"""RSA keys, made anew for each run: no key lies in the repository."""

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

KEY = rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey = KEY, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


PRIVATE_KEY = pem()
PKCS1 = pem(form=PrivateFormat.TraditionalOpenSSL)
OPENSSH = pem(form=PrivateFormat.OpenSSH)
ENCRYPTED = pem(password=b"a passphrase")
ENCRYPTED_PKCS1 = pem(form=PrivateFormat.TraditionalOpenSSL, password=b"a passphrase")
TOO_SHORT = pem(rsa.generate_private_key(65537, 1024))
PUBLIC_KEY = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
