"""Where the known data sets are published, with the checksums that their publishers' files have."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published archive: its address and its MD5 sum, 32 hexadecimal digits."""

    url: str
    md5: str


MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
PETS = "https://www.robots.ox.ac.uk/~vgg/data/pets/data"

PUBLISHED = {
    # Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009
    "cifar10": [
        Published("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
    ],
    # Le and Yang, "Tiny ImageNet Visual Recognition Challenge", 2015
    "tiny_imagenet": [
        Published("http://cs231n.stanford.edu/tiny-imagenet-200.zip", "90528d7ca1a48142e341f4ef8d21d0de"),
    ],
    # LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998; a mirror
    "mnist": [
        Published(f"{MNIST}/train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        Published(f"{MNIST}/train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        Published(f"{MNIST}/t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        Published(f"{MNIST}/t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ],
    "spirals": [],  # published nowhere: drawn, whatever `source` says
    "curve": [],
    # Parkhi et al., "Cats and Dogs", CVPR 2012 (Oxford-IIIT Pet)
    "segmentation": [
        Published(f"{PETS}/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
        Published(f"{PETS}/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
    ],
}
