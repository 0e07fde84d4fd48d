#!/bin/sh
# Makes the certificates that TLS tests need, with openssl, into the directory given as argument.
# EC P-256 keys: quick to make and to use. Names: ca (trusted root), good (localhost, 127.0.0.1,
# ::1), expired, wrong (another host's name), stranger (from a root that nobody trusts), client
# (issued by client-ca). Each has NAME.pem and NAME.key.
set -eu

directory=${1:?usage: make-certs.sh DIRECTORY}
mkdir -p "$directory"
cd "$directory"

new_key() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

new_root() {
    new_key "$1"
    openssl req -x509 -new -key "$1.key" -sha256 -days 3650 -subj "/CN=ssebomb test $1" \
        -addext 'basicConstraints=critical,CA:TRUE' \
        -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$1.pem" 2>/dev/null
}

# new_leaf NAME ROOT USAGE ALTERNATIVE-NAMES FIRST-DAY LAST-DAY
new_leaf() {
    new_key "$1"
    openssl req -new -key "$1.key" -subj "/CN=ssebomb test $1" -out "$1.csr"
    cat > "$1.ext" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=$3
subjectAltName=$4
END
    : > "$1.index"
    mkdir -p issued
    # `openssl ca` is the only command of OpenSSL 3.0 that can issue for a span in the past.
    cat > "$1.cnf" <<END
[ca]
default_ca=here
[here]
database=$1.index
new_certs_dir=issued
rand_serial=yes
default_md=sha256
policy=any
[any]
commonName=supplied
END
    openssl ca -batch -notext -config "$1.cnf" -cert "$2.pem" -keyfile "$2.key" \
        -in "$1.csr" -extfile "$1.ext" -startdate "$5" -enddate "$6" -out "$1.pem" 2>/dev/null
    rm -rf issued "$1.csr" "$1.ext" "$1.cnf" "$1".index*
}

long_ago=20200101000000Z
far_off=20491231235959Z
here='DNS:localhost,IP:127.0.0.1,IP:::1'

new_root ca
new_root stranger-ca
new_root client-ca
new_leaf good ca serverAuth "$here" "$long_ago" "$far_off"
new_leaf expired ca serverAuth "$here" "$long_ago" 20210101000000Z
new_leaf wrong ca serverAuth 'DNS:elsewhere.example' "$long_ago" "$far_off"
new_leaf stranger stranger-ca serverAuth "$here" "$long_ago" "$far_off"
new_leaf client client-ca clientAuth 'DNS:client.example' "$long_ago" "$far_off"
