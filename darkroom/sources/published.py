"""Where the known data sets are published, with the checksums that their publishers' files have."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published archive: its address and its MD5 sum, 32 hexadecimal digits."""

    url: str
    md5: str


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
    # Parkhi et al., "Cats and Dogs", CVPR 2012 (Oxford-IIIT Pet)
    "segmentation": [
        Published(f"{PETS}/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
        Published(f"{PETS}/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
    ],
}
